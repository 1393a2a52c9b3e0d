import type { Tensor } from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import { LayersModel } from '../../../src/contracts/model.js'
import { parse } from '../../../src/contracts/parse.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import { buildModel } from '../../../src/ml/models/model.js'
import { expandModel } from '../../../src/planning/presets.js'
import { modelOf, numbers, run } from './scene.js'

describe('layers', () => {
  it('dense: activation(x · kernel + bias)', () => {
    const model = modelOf([2], { type: 'dense', units: 2, activation: 'relu' })
    const weights = { 'dense-1/kernel': [1, 2, 3, 4], 'dense-1/bias': [0.5, -20] }
    // [1 + 2 · 3 + 0.5, 2 + 2 · 4 − 20 → 0]
    expect(run(model, weights, { shape: [1, 2], values: [1, 2] })).toEqual({ shape: [1, 2], values: [7.5, 0] })
  })

  it('flatten: row-major; an input of another shape with as many elements is reshaped first', () => {
    const model = modelOf([2, 1, 2], { type: 'flatten' }, { type: 'activation', activation: 'tanh' })
    expect(run(model, {}, { shape: [1, 4], values: [0, 0, 0, 100] })).toEqual({ shape: [1, 4], values: [0, 0, 0, 1] })
  })

  it('take earlier layers by name: x + 2 x − x · x', () => {
    const model = modelOf(
      [2],
      { type: 'add', name: 'twice', inputs: ['input', 'input'] },
      { type: 'multiply', name: 'square', inputs: ['input', 'input'] },
      { type: 'add', name: 'sum', inputs: ['input', 'twice'] },
      { type: 'subtract', inputs: ['sum', 'square'] },
    )
    expect(run(model, {}, { shape: [1, 2], values: [1, 5] }).values).toEqual([2, -10])
  })

  it('embedding: ids that repeat sum their gradients', () => {
    const model = modelOf([3], { type: 'embedding', inputSize: 3, outputSize: 1 })
    const gradient = tf.tidy(() => {
      const loss = (table: Tensor) =>
        tf.sum(
          tf.mul(
            model.apply({ 'embedding-1/embeddings': table }, tf.tensor2d([[2, 0, 2]])),
            tf.tensor([1, 10, 100], [1, 3, 1]),
          ),
        )
      return [
        ...tf
          .grad(loss)(tf.tensor2d([[1], [2], [3]]))
          .dataSync(),
      ]
    })
    expect(gradient).toEqual([10, 0, 101])
  })

  it('time-distributed as the last layer leaves out the softmax of its inner layer under a cross-entropy', () => {
    const layer = { type: 'time-distributed', layer: { type: 'dense', units: 2, activation: 'softmax' } }
    const parsed = parse(LayersModel, { kind: 'layers', inputShape: [2, 2], layers: [layer] })
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
    const logits = buildModel(expandModel(parsed.value), 'sparse-categorical-crossentropy')
    const weights = { 'time-distributed-1/kernel': [1, 0, 0, 1], 'time-distributed-1/bias': [0, 0] }
    expect(run(logits, weights, { shape: [1, 2, 2], values: [1, 2, 3, 4] }).values).toEqual([1, 2, 3, 4])
    const probabilities = buildModel(expandModel(parsed.value), 'kl-divergence')
    const [first = 0] = run(probabilities, weights, { shape: [1, 2, 2], values: [1, 2, 3, 4] }).values
    expect(first).toBeCloseTo(1 / (1 + Math.E), 6)
  })

  it('time-distributed: as the inner layer on each step', () => {
    const inner = { type: 'conv2d', filters: 2, kernelSize: 2 }
    const kernel = numbers(8)
    const x = numbers(3 * 9, 2)
    const all = run(
      modelOf([3, 3, 3, 1], { type: 'time-distributed', layer: inner }),
      { 'time-distributed-1/kernel': kernel, 'time-distributed-1/bias': [1, 2] },
      { shape: [1, 3, 3, 3, 1], values: x },
    )
    expect(all.shape).toEqual([1, 3, 2, 2, 2])
    const single = run(
      modelOf([3, 3, 1], inner),
      { 'conv2d-1/kernel': kernel, 'conv2d-1/bias': [1, 2] },
      { shape: [3, 3, 3, 1], values: x },
    )
    expect(all.values).toEqual(single.values.map((value) => expect.closeTo(value, 5)))
  })

  it('bidirectional: on a palindrome equal copies give a palindrome', () => {
    const model = modelOf([3, 1], {
      type: 'bidirectional',
      mergeMode: 'sum',
      layer: { type: 'simple-rnn', units: 1, returnSequences: true },
    })
    const copy = (direction: string) => ({
      [`bidirectional-1/${direction}-kernel`]: [0.5],
      [`bidirectional-1/${direction}-recurrent-kernel`]: [0.3],
      [`bidirectional-1/${direction}-bias`]: [0.1],
    })
    const { values } = run(model, { ...copy('forward'), ...copy('backward') }, { shape: [1, 3, 1], values: [1, -2, 1] })
    expect(values[0]).toBeCloseTo(values[2] ?? Number.NaN, 6)
    // h₁ = tanh(0.6), h₃ = tanh(0.6 + 0.3 · tanh(−0.9 + 0.3 · h₁))
    const first = Math.tanh(0.6)
    expect(values[0]).toBeCloseTo(first + Math.tanh(0.6 + 0.3 * Math.tanh(-0.9 + 0.3 * first)), 5)
  })
})

describe('the end of a model', () => {
  it.each([{ type: 'activation', activation: 'softmax' }, { type: 'softmax' }])(
    'softmax is left to the loss under cross-entropy, and only there: %j',
    (layer) => {
      const parsed = parse(LayersModel, { kind: 'layers', inputShape: [2], layers: [layer] })
      if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
      const outputs = (loss: 'mean-squared-error' | 'sparse-categorical-crossentropy') =>
        tf.tidy(() => [
          ...buildModel(expandModel(parsed.value), loss)
            .apply({}, tf.tensor2d([[3, 3]]))
            .dataSync(),
        ])
      expect(outputs('mean-squared-error')).toEqual([0.5, 0.5])
      expect(outputs('sparse-categorical-crossentropy')).toEqual([3, 3])
    },
  )
})

describe('initial weights', () => {
  const model = modelOf(
    [30],
    { type: 'dense', units: 20 },
    { type: 'batch-normalization' },
    { type: 'dense', units: 5, kernelInitializer: 'he-normal' },
  )

  it('repeat for a seed, differ between seeds, and biases are 0', () => {
    expect(model.initialize(5)).toEqual(model.initialize(5))
    expect(model.initialize(5)['dense-1/kernel']?.values).not.toEqual(model.initialize(6)['dense-1/kernel']?.values)
    expect(model.initialize(5)['dense-1/bias']?.values.every((value) => value === 0)).toBe(true)
  })

  it('are named in the order of the layers, moving statistics apart', () => {
    const normalization = ['batch-normalization-1/gamma', 'batch-normalization-1/beta']
    const [first, second] = ['dense-1', 'dense-2'].map((name) => [`${name}/kernel`, `${name}/bias`])
    expect(Object.keys(model.parameters)).toEqual([...(first ?? []), ...normalization, ...(second ?? [])])
    expect(model.moments).toEqual({
      'batch-normalization-1/moving-mean': [20],
      'batch-normalization-1/moving-variance': [20],
    })
  })
})
