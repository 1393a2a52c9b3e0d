import type { Tensor } from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import type { LossName, LossOptions } from '../../../src/contracts/loss.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import { makeLoss } from '../../../src/ml/losses/make-loss.js'
import { numberOf, tidily } from '../tensors.js'

const row = (values: number[]) => tf.tensor2d([values])

function lossOf(name: LossName, outputs: number[], labels: Tensor, options: LossOptions = {}): number {
  return numberOf(makeLoss(name, options).perExample(row(outputs), labels))
}

describe('one row, worked out by hand', () => {
  it.each<[LossName, number[], number[], number, LossOptions?]>([
    ['mean-squared-error', [1, 2], [3, 2], 2], // (4 + 0) / 2
    ['mean-absolute-error', [1, 2], [3, 2], 1], // (2 + 0) / 2
    ['huber', [0.5, 3], [0, 0], 1.3125], // (½ · 0.25 + (3 − ½)) / 2
    ['huber', [3, 3], [0, 0], 4, { huberDelta: 2 }], // 2 · (3 − 1)
    ['log-cosh', [100, 100], [0, 0], 100 - Math.LN2], // log(e¹⁰⁰ / 2)
    ['mean-squared-logarithmic-error', [Math.E - 1, 0], [0, 0], 0.5], // (1² + 0) / 2
    ['mean-absolute-percentage-error', [9, 6], [10, 4], 30], // (10 % + 50 %) / 2
    ['cosine-similarity', [3, 4], [4, 3], -0.96], // −(12 + 12) / (5 · 5)
    ['poisson', [1, Math.E], [5, 1], Math.E / 2], // (1 − 5 · log 1 + e − 1 · log e) / 2
    ['hinge', [0.5, -2], [1, 0], 0.25], // signs +1 and −1: (0.5 + max(0, 1 − 2)) / 2
    ['squared-hinge', [0.5, 2], [1, 0], 4.625], // (0.5² + 3²) / 2
    ['categorical-hinge', [1, 3], [1, 0], 3], // 1 + 3 − 1
    ['kl-divergence', [0.5, 0.5], [1, 0], Math.LN2], // log(1 / ½), and next to nothing for the share of 0
  ])('%s of %j for %j is %d', (name, outputs, labels, expected, options = {}) =>
    tidily(() => {
      expect(Math.abs(lossOf(name, outputs, row(labels), options) - expected)).toBeLessThanOrEqual(
        3e-6 * (1 + expected),
      )
    }),
  )

  it('cosine-similarity of a zero vector is 0 with a finite gradient', () =>
    tidily(() => {
      const { loss } = makeLoss('cosine-similarity')
      const { value, grad } = tf.valueAndGrad((x: Tensor) => loss(x, row([1, 2])))(row([0, 0]))
      expect(Math.abs(numberOf(value))).toBe(0)
      expect([...grad.dataSync()].every(Number.isFinite)).toBe(true)
    }))

  it('huber and mean-absolute-error stay finite for errors of 1e30', () =>
    tidily(() => {
      expect(lossOf('huber', [1e30], row([0]))).toBeCloseTo(1e30, -25)
      expect(lossOf('mean-absolute-error', [1e30], row([0]))).toBeCloseTo(1e30, -25)
      expect(lossOf('log-cosh', [1e30], row([0]))).toBeCloseTo(1e30, -25)
    }))
})

describe('labels of hinge losses', () => {
  it.each(['hinge', 'squared-hinge'] as const)('%s takes 0 and 1, −1 and 1, and classes for the same', (name) =>
    tidily(() => {
      const outputs = [0.2, -0.4, 0.9]
      const ofSigns = lossOf(name, outputs, row([-1, 1, -1]))
      expect(lossOf(name, outputs, row([0, 1, 0]))).toBe(ofSigns)
      expect(lossOf(name, outputs, tf.tensor1d([1], 'int32'))).toBe(ofSigns)
    }),
  )

  it('a single output says the second of two classes: class 0 at −1 costs nothing', () =>
    tidily(() => {
      expect(lossOf('hinge', [-1], tf.tensor1d([0], 'int32'))).toBe(0)
      expect(lossOf('hinge', [-1], tf.tensor1d([1], 'int32'))).toBe(2)
    }))
})

it('weights multiply, and do not divide by their sum: (4 · 1 + 0 · 9) / 2 = 2', () =>
  tidily(() => {
    const { loss } = makeLoss('mean-squared-error')
    expect(numberOf(loss(tf.tensor2d([[1], [3]]), tf.tensor2d([[0], [0]]), tf.tensor1d([4, 0])))).toBe(2)
  }))
