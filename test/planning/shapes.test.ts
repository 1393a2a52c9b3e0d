import { describe, expect, it } from 'vitest'
import { LayersModel as Schema } from '../../src/contracts/model.js'
import { parse } from '../../src/contracts/parse.js'
import { expandModel, type NamedModel } from '../../src/planning/presets.js'
import { describeLayers } from '../../src/planning/shapes.js'
import { caught } from './fixtures.js'

function layers(inputShape: number[], ...layers: Record<string, unknown>[]): NamedModel {
  const parsed = parse(Schema, { kind: 'layers', inputShape, layers })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  return expandModel(parsed.value)
}

describe('describeLayers', () => {
  it('counts a named layer in the position of its type', () => {
    const { layers: named } = layers([4], { type: 'dense', units: 3, name: 'hidden' }, { type: 'dense', units: 2 })
    expect(named.map(({ name }) => name)).toEqual(['hidden', 'dense-2'])
  })

  it('gives ⌈extent / stride⌉ under same and ⌊(extent − window) / stride⌋ + 1 under valid', () => {
    const [conv, pool] = describeLayers(
      layers(
        [7, 9, 2],
        { type: 'conv2d', filters: 4, kernelSize: [3, 2], strides: [2, 1], padding: 'same', useBias: false },
        { type: 'average-pooling2d', poolSize: 2 },
      ),
    )
    expect(conv?.outputShape).toEqual([4, 9, 4])
    expect(conv?.weights).toEqual({
      'conv2d-1/kernel': { shape: [3, 2, 2, 4], initializer: 'glorot-uniform', trainable: true },
    })
    expect(pool?.outputShape).toEqual([2, 4, 4])
  })

  it.each([
    [
      'an input that comes later',
      layers([4], { type: 'flatten', inputs: ['b'] }, { type: 'flatten', name: 'b' }),
      '/model/layers/0/inputs/0',
      /earlier layer/,
    ],
    [
      'a layer that nothing uses',
      layers([4], { type: 'flatten', name: 'a' }, { type: 'flatten', inputs: ['input'] }),
      '/model/layers/0',
      /leads nowhere/,
    ],
    ['the name of the examples', layers([4], { type: 'flatten', name: 'input' }), '/model/layers/0/name', /examples/],
    [
      'conv on a vector',
      layers([4], { type: 'flatten' }, { type: 'conv2d', filters: 1, kernelSize: 1 }),
      '/model/layers/1',
      /conv2d-1/,
    ],
    [
      'a window larger than its input',
      layers([4, 4, 1], { type: 'max-pooling2d', poolSize: 5 }),
      '/model/layers/0',
      /larger/,
    ],
    [
      'a name used twice',
      layers([4], { type: 'dense', units: 2, name: 'a' }, { type: 'flatten', name: 'a' }),
      '/model/layers/1/name',
      /'a'/,
    ],
    // By default the second dense layer is called dense-2, which the first has taken.
    [
      'a name that a default takes',
      layers([4], { type: 'dense', units: 2, name: 'dense-2' }, { type: 'dense', units: 2 }),
      '/model/layers/1/name',
      /dense-2/,
    ],
  ])('refuses %s and points at the layer', (_, model, pointer, detail) => {
    const error = caught(() => describeLayers(model))
    expect(error.code).toBe('SPEC_INVALID')
    expect(error.errors[0]?.pointer).toBe(pointer)
    expect(error.errors[0]?.detail).toMatch(detail)
  })

  it('follows named inputs, and trains no moving statistics', () => {
    const described = describeLayers(
      layers(
        [6],
        { type: 'dense', units: 4, name: 'a' },
        { type: 'dense', units: 4, name: 'b', inputs: ['input'] },
        { type: 'add', inputs: ['a', 'b'] },
        { type: 'batch-normalization' },
      ),
    )
    expect(described.map(({ inputs }) => inputs)).toEqual([['input'], ['input'], ['a', 'b'], ['add-1']])
    expect(described.map(({ parameters }) => parameters)).toEqual([28, 28, 0, 8])
    expect(Object.keys(described[3]?.weights ?? {})).toEqual([
      'batch-normalization-1/gamma',
      'batch-normalization-1/beta',
      'batch-normalization-1/moving-mean',
      'batch-normalization-1/moving-variance',
    ])
  })
})
