import fc from 'fast-check'
import { expect, it } from 'vitest'
import { LayersModel } from '../../../../src/contracts/model.js'
import { graphs } from './graphs.js'

it('the random graphs of these tests have layers of every type', () => {
  const types = LayersModel.properties.layers.items.anyOf.map(({ properties }) => properties.type.const)
  const met = new Set(
    fc.sample(graphs(), { numRuns: 500, seed: 1 }).flatMap(({ model }) => model.layers.map(({ type }) => type)),
  )
  expect(types.filter((type) => !met.has(type))).toEqual([])
})
