import { expect, it } from 'vitest'
import { tf } from '../../src/ml/engine/tensorflow.js'
import { numberOf, tidily } from '../ml/tensors.js'
import { distillation } from './distillation.js'

const row = (values: number[]) => tf.tensor2d([values])

it('distillation is 0 for logits that differ by a constant, and scaled by the square of the temperature', () =>
  tidily(() => {
    const teacher = row([1, 2, 4])
    expect(numberOf(distillation(3).loss(row([11, 12, 14]), teacher))).toBeCloseTo(0, 5)
    // softmax((0, 0)) = (½, ½) against (¾, ¼) = softmax(4 · (¼ log 3, 0)): KL = ¾ log 1.5 + ¼ log 0.5, times 4² = 16.
    const kl = 0.75 * Math.log(1.5) + 0.25 * Math.log(0.5)
    expect(numberOf(distillation(4).loss(row([0, 0]), row([4 * Math.log(3), 0])))).toBeCloseTo(16 * kl, 5)
  }))
