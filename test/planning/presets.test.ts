import { describe, expect, it } from 'vitest'
import type { PresetName } from '../../src/contracts/model.js'
import type { DataShape } from '../../src/planning/presets/preset.js'
import { expandModel } from '../../src/planning/presets.js'
import { describeLayers, type LayerDescription } from '../../src/planning/shapes.js'
import { caught } from './fixtures.js'

const layersOf = (name: PresetName, data?: DataShape) => describeLayers(expandModel({ kind: 'preset', name }, data))
const parametersOf = (layers: readonly LayerDescription[]) =>
  layers.reduce((sum, { parameters }) => sum + parameters, 0)
const shapesOf = (layers: readonly LayerDescription[]) => layers.map(({ name, outputShape }) => [name, outputShape])

const images: DataShape = { exampleShape: [16, 16, 1], outputs: 3 }
const texts: DataShape = { exampleShape: [40], outputs: 2, vocabulary: 500 }
const table: DataShape = { exampleShape: [9], outputs: 1 }

describe('the presets of the literature', () => {
  it('lenet-300-100 has 266,610 parameters, and does not adapt', () => {
    const described = layersOf('lenet-300-100')
    expect(shapesOf(described)).toEqual([
      ['dense-1', [300]],
      ['dense-2', [100]],
      ['output', [10]],
    ])
    expect(parametersOf(described)).toBe(266_610)
    expect(described[1]?.weights).toEqual({
      'dense-2/kernel': { shape: [300, 100], initializer: 'glorot-uniform', trainable: true },
      'dense-2/bias': { shape: [100], initializer: 'zeros', trainable: true },
    })
    expect(layersOf('lenet-300-100', table)).toEqual(described)
  })

  it('lenet-5 is the variant of Caffe with 431,080 parameters, and does not adapt', () => {
    const described = layersOf('lenet-5')
    expect(shapesOf(described)).toEqual([
      ['conv2d-1', [24, 24, 20]],
      ['max-pooling2d-1', [12, 12, 20]],
      ['conv2d-2', [8, 8, 50]],
      ['max-pooling2d-2', [4, 4, 50]],
      ['flatten-1', [800]],
      ['dense-1', [500]],
      ['output', [10]],
    ])
    expect(parametersOf(described)).toBe(431_080)
    expect(layersOf('lenet-5', images)).toEqual(described)
  })

  // Kernels and batch normalization (2 a filter):
  //   stem 3·3·3·16 + 32 = 464; a block of 16: 2 (3·3·16·16 + 32) = 4,672
  //   first block of 32: 3·3·16·32 + 3·3·32·32 + 16·32 + 3·64 = 14,528; another: 2 (3·3·32·32 + 64) = 18,560
  //   first block of 64: 3·3·32·64 + 3·3·64·64 + 32·64 + 3·128 = 57,728; another: 2 (3·3·64·64 + 128) = 73,984
  //   output 64·10 + 10 = 650
  it('resnet-8 and resnet-20 have 78,042 and 272,474 parameters and 9 and 21 convolutions with the shortcuts', () => {
    const small = layersOf('resnet-8')
    const large = layersOf('resnet-20')
    expect(parametersOf(small)).toBe(464 + 4672 + 14_528 + 57_728 + 650)
    expect(parametersOf(large)).toBe(464 + 3 * 4672 + 14_528 + 2 * 18_560 + 57_728 + 2 * 73_984 + 650)
    const convolutions = (layers: typeof small) => layers.filter(({ type }) => type === 'conv2d').length
    expect([convolutions(small), convolutions(large)]).toEqual([9, 21])
    expect(large.at(-3)?.outputShape).toEqual([8, 8, 64])
  })
})

describe('presets adapt to the data', () => {
  it.each<[PresetName, DataShape, number]>([
    // 9·128 + 128 + 128·64 + 64 + 64 + 1
    ['mlp', table, 1280 + 8256 + 65],
    // (9·32 + 64) + (9·32·32 + 64) + (9·32·64 + 128) + (9·64·64 + 128), 4·4·64·128 + 128, 128·3 + 3
    ['vgg-small', images, 352 + 9280 + 18_560 + 36_992 + 131_200 + 387],
    // 4·64·(16 + 64 + 1), 64·3 + 3
    ['lstm-classifier', images, 20_736 + 195],
    // 500·64, 4·64·(64 + 64 + 1), 64·2 + 2
    ['lstm-classifier', texts, 32_000 + 33_024 + 130],
    // 500·64, 4·128·(64 + 128 + 1), 128·500 + 500
    ['char-rnn', { ...texts, outputs: 500 }, 32_000 + 98_816 + 64_500],
    // 500·64, (3 + 4 + 5)·64·64 + 3·64, 192·2 + 2
    ['text-cnn', texts, 32_000 + 49_344 + 386],
  ])('%s', (name, data, parameters) => {
    const described = layersOf(name, data)
    expect(parametersOf(described)).toBe(parameters)
    expect(described.at(-1)).toMatchObject({ name: 'output', type: 'dense' })
    expect(described.at(-1)?.outputShape.at(-1)).toBe(data.outputs)
    expect(expandModel({ kind: 'preset', name }, data).inputShape.reduce((one, other) => one * other)).toBe(
      data.exampleShape.reduce((one, other) => one * other),
    )
  })

  it('char-rnn gives logits for each step', () => {
    expect(layersOf('char-rnn', { ...texts, outputs: 500 }).at(-1)?.outputShape).toEqual([40, 500])
  })

  it.each<[PresetName, DataShape]>([
    ['mlp', texts],
    ['resnet-8', table],
    ['vgg-small', table],
    ['lstm-classifier', table],
    ['char-rnn', images],
    ['text-cnn', table],
  ])('%s refuses what it cannot work on, and says what it takes', (name, data) => {
    const error = caught(() => expandModel({ kind: 'preset', name }, data))
    expect(error.code).toBe('SPEC_INVALID')
    expect(error.errors[0]?.pointer).toBe('/model/name')
    expect(error.errors[0]?.detail).toMatch(/ takes .* an example of the dataset is .*; use /)
  })
})
