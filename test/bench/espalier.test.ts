import { afterAll, expect, it } from 'vitest'
import { makeEspalierRunners } from '../../bench/espalier.js'
import { expandModel } from '../../src/planning/presets.js'

const { compiled, eager } = makeEspalierRunners()
afterAll(() => {
  compiled.close()
  eager.close()
})

it('times the step of a job, compiled and operation by operation', async () => {
  const model = { name: 'MLP', model: expandModel({ kind: 'preset', name: 'mlp' }), steps: 2, eagerSteps: 1 }
  expect(await compiled.measure(model)).toBeGreaterThan(0)
  expect(await eager.measure(model)).toBeGreaterThan(0)
})
