import { describe, expect, it } from 'vitest'
import type { LayersModel } from '../../src/contracts/model.js'
import { LayersModel as Schema } from '../../src/contracts/model.js'
import { parse } from '../../src/contracts/parse.js'
import { tf } from '../../src/ml/engine/tensorflow.js'
import { fans, initialValues } from '../../src/ml/models/initializers.js'
import { buildModel } from '../../src/ml/models/model.js'
import { makeRandom } from '../../src/ml/random.js'

function layers(inputShape: number[], ...layers: Record<string, unknown>[]): LayersModel {
  const parsed = parse(Schema, { kind: 'layers', inputShape, layers })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  return parsed.value
}

function run(
  model: LayersModel,
  params: Record<string, [number[], number[]]>,
  x: [number[], number[]],
  loss = 'mean-squared-error' as const,
) {
  return tf.tidy(() => {
    const tensors = Object.fromEntries(
      Object.entries(params).map(([name, [shape, values]]) => [name, tf.tensor(values, shape)]),
    )
    const y = buildModel(model, loss).apply(tensors, tf.tensor(x[1], x[0]))
    return { shape: y.shape, values: [...y.dataSync()] }
  })
}

describe('layers', () => {
  it('dense: activation(x · kernel + bias)', () => {
    const model = layers([2], { type: 'dense', units: 2, activation: 'relu' })
    const params: Record<string, [number[], number[]]> = {
      'dense-1/kernel': [
        [2, 2],
        [1, 2, 3, 4],
      ],
      'dense-1/bias': [[2], [0.5, -20]],
    }
    // [1 + 2 · 3 + 0.5, 2 + 2 · 4 − 20 → 0]
    expect(
      run(model, params, [
        [1, 2],
        [1, 2],
      ]),
    ).toEqual({ shape: [1, 2], values: [7.5, 0] })
  })

  it('conv2d: cross-correlation, channels last, strides and same padding', () => {
    const model = layers([3, 3, 1], { type: 'conv2d', filters: 1, kernelSize: 2, useBias: false })
    const params: Record<string, [number[], number[]]> = {
      'conv2d-1/kernel': [
        [2, 2, 1, 1],
        [1, 0, 0, 10],
      ],
    }
    const x: [number[], number[]] = [
      [1, 3, 3, 1],
      [1, 2, 3, 4, 5, 6, 7, 8, 9],
    ]
    // top left + 10 · bottom right of each window
    expect(run(model, params, x)).toEqual({ shape: [1, 2, 2, 1], values: [51, 62, 84, 95] })
    const same = layers([3, 3, 1], {
      type: 'conv2d',
      filters: 1,
      kernelSize: 2,
      strides: 2,
      padding: 'same',
      useBias: false,
    })
    // padded by a zero row and column at the end: windows at (0, 0), (0, 2), (2, 0), (2, 2)
    expect(run(same, params, x)).toEqual({ shape: [1, 2, 2, 1], values: [51, 3, 7, 9] })
  })

  it('pooling: largest and mean of each window; padding counts in neither', () => {
    const x: [number[], number[]] = [
      [1, 3, 3, 1],
      [1, 2, 3, 4, 5, 6, 7, 8, 9],
    ]
    expect(run(layers([3, 3, 1], { type: 'max-pooling2d' }), {}, x).values).toEqual([5])
    expect(run(layers([3, 3, 1], { type: 'average-pooling2d', padding: 'same' }), {}, x).values).toEqual([
      3, 4.5, 7.5, 9,
    ])
    expect(run(layers([3, 3, 1], { type: 'max-pooling2d', strides: 1 }), {}, x).values).toEqual([5, 6, 8, 9])
  })

  it('flatten: row-major; an input of another shape with as many elements is reshaped first', () => {
    const model = layers([2, 1, 2], { type: 'flatten' }, { type: 'activation', activation: 'tanh' })
    expect(
      run(model, {}, [
        [1, 4],
        [0, 0, 0, 100],
      ]),
    ).toEqual({ shape: [1, 4], values: [0, 0, 0, 1] })
  })

  it('softmax at the end is left to the loss under cross-entropy, and only there', () => {
    const model = layers([2], { type: 'activation', activation: 'softmax' })
    expect(
      run(model, {}, [
        [1, 2],
        [3, 3],
      ]).values,
    ).toEqual([0.5, 0.5])
    const logits = tf.tidy(() => [
      ...buildModel(model, 'sparse-categorical-crossentropy')
        .apply({}, tf.tensor2d([[3, 3]]))
        .dataSync(),
    ])
    expect(logits).toEqual([3, 3])
  })
})

describe('initial weights', () => {
  const model = layers([30], { type: 'dense', units: 20 }, { type: 'dense', units: 5, kernelInitializer: 'he-normal' })

  it('repeat for a seed, differ between layers and seeds, and biases are 0', () => {
    const build = buildModel(model, 'mean-squared-error')
    expect(build.initialize(5)).toEqual(build.initialize(5))
    expect(build.initialize(5)['dense-1/kernel']?.values).not.toEqual(build.initialize(6)['dense-1/kernel']?.values)
    expect(build.initialize(5)['dense-1/bias']?.values.every((value) => value === 0)).toBe(true)
    expect(Object.keys(build.parameters)).toEqual(['dense-1/kernel', 'dense-1/bias', 'dense-2/kernel', 'dense-2/bias'])
  })

  it('count the window of a convolution in the fans', () => {
    expect(fans([5, 5, 20, 50])).toEqual({ fanIn: 500, fanOut: 1250 })
  })

  it('glorot-uniform fills ±√(6 / (fanIn + fanOut)) evenly', () => {
    const values = initialValues('glorot-uniform', [200, 100], makeRandom(0, 'x'))
    const bound = Math.sqrt(6 / 300)
    expect(Math.max(...values)).toBeLessThanOrEqual(bound)
    expect(Math.max(...values)).toBeGreaterThan(0.999 * bound)
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length
    expect(variance / (bound ** 2 / 3)).toBeCloseTo(1, 1)
  })

  it('he-normal has variance 2 / fanIn and no tails', () => {
    const values = initialValues('he-normal', [100, 500], makeRandom(0, 'x'))
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length
    expect(variance * 50).toBeGreaterThan(0.97)
    expect(variance * 50).toBeLessThan(1.03)
    expect(Math.max(...values)).toBeLessThanOrEqual((2 * Math.sqrt(2 / 100)) / 0.8796)
  })
})
