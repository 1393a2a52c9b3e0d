import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tf } from '../../src/ml/engine/tensorflow.js'
import { makeLoss } from '../../src/ml/losses.js'
import { makeMetric } from '../../src/ml/metrics.js'
import { numberOf, tidily } from './tensors.js'

const crossentropy = makeLoss('sparse-categorical-crossentropy')
const squared = makeLoss('mean-squared-error')

/** Logits [batch, 3] and labels [batch]. */
const batches = () =>
  fc.array(
    fc.tuple(fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 3, maxLength: 3 }), fc.nat(2)),
    {
      minLength: 1,
      maxLength: 8,
    },
  )

function evaluate(logits: number[][], labels: number[]) {
  return tidily(() => {
    const truth = tf.tensor1d(labels, 'int32')
    const { value, grad } = tf.valueAndGrad((x: Tensor): Scalar => crossentropy.loss(x, truth))(tf.tensor2d(logits))
    return { value: numberOf(value), grad: [...grad.dataSync()] }
  })
}

describe('sparse-categorical-crossentropy', () => {
  it('equals the formula in float64, and so does its gradient (softmax − onehot) / batch', () =>
    fc.assert(
      fc.property(batches(), (rows) => {
        const { value, grad } = evaluate(
          rows.map(([z]) => z),
          rows.map(([, label]) => label),
        )
        let sum = 0
        const expected = rows.flatMap(([z, label]) => {
          const largest = Math.max(...z)
          const total = z.reduce((acc, x) => acc + Math.exp(x - largest), 0)
          sum += Math.log(total) + largest - (z[label] ?? Number.NaN)
          return z.map((x, i) => (Math.exp(x - largest) / total - (i === label ? 1 : 0)) / rows.length)
        })
        expect(Math.abs(value - sum / rows.length)).toBeLessThanOrEqual(1e-5 * (1 + sum / rows.length))
        expected.forEach((x, i) => {
          expect(Math.abs((grad[i] ?? Number.NaN) - x)).toBeLessThanOrEqual(2e-5)
        })
      }),
    ))

  it('stays finite for logits of ±1e30', () => {
    const { value, grad } = evaluate([[1e30, -1e30, 0]], [0])
    expect(value).toBe(0)
    expect(grad).toEqual([0, 0, 0])
  })

  it('is ln 3 for equal logits of three classes', () => {
    expect(evaluate([[2, 2, 2]], [1]).value).toBeCloseTo(Math.log(3), 6)
  })

  it('predicts probabilities', () =>
    tidily(() => {
      expect(
        [...crossentropy.predictions(tf.tensor2d([[0, Math.log(3)]])).dataSync()].map((x) => x.toFixed(5)),
      ).toEqual(['0.25000', '0.75000'])
    }))
})

it('mean-squared-error is the mean over all entries: ((1 − 3)² + 0 + 0 + 2²) / 4 = 2', () =>
  tidily(() => {
    const outputs = tf.tensor2d([
      [1, 2],
      [3, 4],
    ])
    const labels = tf.tensor2d([
      [3, 2],
      [3, 2],
    ])
    expect(numberOf(squared.loss(outputs, labels))).toBe(2)
    expect([...squared.perExample(outputs, labels).dataSync()]).toEqual([2, 2])
    expect(squared.predictions(outputs)).toBe(outputs)
  }))

describe('metrics', () => {
  it('add up over batches: the sum over all examples is that of any split', () =>
    fc.assert(
      fc.property(batches(), fc.nat(), (rows, cut) => {
        const accuracy = (part: typeof rows) =>
          tidily(() =>
            part.length === 0
              ? 0
              : numberOf(
                  makeMetric('accuracy')(
                    tf.tensor2d(part.map(([z]) => z)),
                    tf.tensor1d(
                      part.map(([, label]) => label),
                      'int32',
                    ),
                  ),
                ),
          )
        const at = cut % (rows.length + 1)
        expect(accuracy(rows.slice(0, at)) + accuracy(rows.slice(at))).toBe(accuracy(rows))
      }),
    ))

  it('accuracy counts right answers: 1 of 2', () =>
    tidily(() => {
      const outputs = tf.tensor2d([
        [1, 5, 2],
        [7, 1, 1],
      ])
      expect(numberOf(makeMetric('accuracy')(outputs, tf.tensor1d([1, 2], 'int32')))).toBe(1)
    }))

  it('mean-absolute-error sums the mean of each example: (1 + 2) / 2 + 0 = 1.5', () =>
    tidily(() => {
      const metric = makeMetric('mean-absolute-error')
      expect(
        numberOf(
          metric(
            tf.tensor2d([
              [1, 2],
              [3, 4],
            ]),
            tf.tensor2d([
              [2, 4],
              [3, 4],
            ]),
          ),
        ),
      ).toBe(1.5)
    }))
})
