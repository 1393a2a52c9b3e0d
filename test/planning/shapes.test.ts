import { describe, expect, it } from 'vitest'
import type { LayersModel } from '../../src/contracts/model.js'
import { LayersModel as Schema } from '../../src/contracts/model.js'
import { parse } from '../../src/contracts/parse.js'
import { EspalierError } from '../../src/errors.js'
import { expandModel } from '../../src/planning/presets.js'
import { describeLayers } from '../../src/planning/shapes.js'

function layers(inputShape: number[], ...layers: Record<string, unknown>[]): LayersModel {
  const parsed = parse(Schema, { kind: 'layers', inputShape, layers })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  return parsed.value
}

describe('presets', () => {
  it('lenet-300-100 has 266,610 parameters, 266,200 of them in kernels', () => {
    const described = describeLayers(expandModel({ kind: 'preset', name: 'lenet-300-100' }))
    expect(described.map(({ name, outputShape }) => [name, outputShape])).toEqual([
      ['dense-1', [300]],
      ['dense-2', [100]],
      ['output', [10]],
    ])
    expect(described.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(266_610)
    expect(described[1]?.weights).toEqual({ 'dense-2/kernel': [300, 100], 'dense-2/bias': [100] })
  })

  it('lenet-5 is the variant of Caffe with 431,080 parameters', () => {
    const described = describeLayers(expandModel({ kind: 'preset', name: 'lenet-5' }))
    expect(described.map(({ name, outputShape }) => [name, outputShape])).toEqual([
      ['conv2d-1', [24, 24, 20]],
      ['max-pooling2d-1', [12, 12, 20]],
      ['conv2d-2', [8, 8, 50]],
      ['max-pooling2d-2', [4, 4, 50]],
      ['flatten-1', [800]],
      ['dense-1', [500]],
      ['output', [10]],
    ])
    expect(described.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(431_080)
  })
})

describe('describeLayers', () => {
  it('counts a named layer in the position of its type', () => {
    const { layers: named } = expandModel(
      layers([4], { type: 'dense', units: 3, name: 'hidden' }, { type: 'dense', units: 2 }),
    )
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
    expect(conv?.weights).toEqual({ 'conv2d-1/kernel': [3, 2, 2, 4] })
    expect(pool?.outputShape).toEqual([2, 4, 4])
  })

  it.each([
    ['dense on an image', layers([4, 4, 1], { type: 'dense', units: 2 }), '/model/layers/0', /flatten/],
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
})

function caught(action: () => unknown): EspalierError {
  try {
    action()
  } catch (error) {
    if (error instanceof EspalierError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
