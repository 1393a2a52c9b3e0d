import type { Tensor } from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import { modelOf, numbers, run } from './scene.js'

const WEIGHTS = {
  'batch-normalization-1/gamma': [2],
  'batch-normalization-1/beta': [1],
  'batch-normalization-1/moving-mean': [10],
  'batch-normalization-1/moving-variance': [4],
}

describe('batch-normalization', () => {
  const model = modelOf([1], { type: 'batch-normalization', momentum: 0.9, epsilon: 1e-6 })

  it('uses the moving statistics outside of training', () => {
    // 2 · (14 − 10) / √4 + 1, 2 · (10 − 10) / √4 + 1
    const { values } = run(model, WEIGHTS, { shape: [2, 1], values: [14, 10] })
    expect(values).toEqual([5, 1].map((value) => expect.closeTo(value, 4)))
  })

  it('uses the batch while training, and moves the averages by its population variance', () => {
    tf.tidy(() => {
      const moments: Record<string, number | undefined> = {}
      const training = {
        seed: 0,
        step: tf.scalar(0, 'int32'),
        setMoment(name: string, value: Tensor) {
          moments[name] = value.dataSync()[0]
        },
      }
      const weights = Object.fromEntries(Object.entries(WEIGHTS).map(([name, value]) => [name, tf.tensor1d(value)]))
      const y = model.apply(weights, tf.tensor2d([[1], [3]]), training)
      // Mean 2, variance 1: 2 · ∓1 + 1.
      expect([...y.dataSync()]).toEqual([-1, 3].map((value) => expect.closeTo(value, 4)))
      // 0.9 · 10 + 0.1 · 2 and 0.9 · 4 + 0.1 · 1
      expect(moments['batch-normalization-1/moving-mean']).toBeCloseTo(9.2, 5)
      expect(moments['batch-normalization-1/moving-variance']).toBeCloseTo(3.7, 5)
    })
  })

  it('leaves no tensor behind', () => {
    const apply = () =>
      tf.tidy(() => {
        const training = { seed: 0, step: tf.scalar(0, 'int32'), setMoment: () => undefined }
        const weights = Object.fromEntries(Object.entries(WEIGHTS).map(([name, value]) => [name, tf.tensor1d(value)]))
        const loss = (x: Tensor) => tf.sum(tf.square(model.apply(weights, x, training)))
        tf.grad(loss)(tf.tensor2d([[1], [3]]))
        run(model, WEIGHTS, { shape: [2, 1], values: [14, 10] })
      })
    apply()
    const { numTensors } = tf.memory()
    apply()
    expect(tf.memory().numTensors).toBe(numTensors)
  })

  it('a batch of one example and one position has variance 0', () => {
    tf.tidy(() => {
      const moments: Record<string, number | undefined> = {}
      const training = {
        seed: 0,
        step: tf.scalar(0, 'int32'),
        setMoment(name: string, value: Tensor) {
          moments[name] = value.dataSync()[0]
        },
      }
      const weights = Object.fromEntries(Object.entries(WEIGHTS).map(([name, value]) => [name, tf.tensor1d(value)]))
      expect(model.apply(weights, tf.tensor2d([[5]]), training).dataSync()[0]).toBeCloseTo(1, 5)
      expect(moments['batch-normalization-1/moving-variance']).toBeCloseTo(3.6, 5)
    })
  })
})

it('layer-normalization gives each position mean 0 and variance 1', () => {
  const model = modelOf([3, 8], { type: 'layer-normalization', epsilon: 1e-6, center: false, scale: false })
  const { values } = run(model, {}, { shape: [2, 3, 8], values: numbers(48) })
  for (let at = 0; at < 48; at += 8) {
    const row = values.slice(at, at + 8)
    expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 4)
    expect(row.reduce((sum, value) => sum + value * value, 0) / 8).toBeCloseTo(1, 3)
  }
})
