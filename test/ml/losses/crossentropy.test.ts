import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LossName, LossOptions } from '../../../src/contracts/loss.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import { makeLoss } from '../../../src/ml/losses/make-loss.js'
import { numberOf, tidily } from '../tensors.js'

/** Logits [batch, 3] and labels [batch]. */
const batches = () =>
  fc.array(
    fc.tuple(fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 3, maxLength: 3 }), fc.nat(2)),
    { minLength: 1, maxLength: 8 },
  )

function evaluate(name: LossName, logits: number[][], labels: () => Tensor, options: LossOptions = {}) {
  return tidily(() => {
    const { loss } = makeLoss(name, options)
    const truth = labels()
    const { value, grad } = tf.valueAndGrad((x: Tensor): Scalar => loss(x, truth))(tf.tensor2d(logits))
    return { value: numberOf(value), grad: [...grad.dataSync()] }
  })
}

const classes = (labels: number[]) => () => tf.tensor1d(labels, 'int32')

describe.each(['sparse-categorical-crossentropy', 'categorical-crossentropy'] as const)('%s', (name) => {
  it('equals the formula in float64 for any smoothing, and so does its gradient (softmax − t) / batch', () =>
    fc.assert(
      fc.property(batches(), fc.constantFrom(0, 0.1, 0.5), (rows, labelSmoothing) => {
        const { value, grad } = evaluate(
          name,
          rows.map(([z]) => z),
          classes(rows.map(([, label]) => label)),
          { labelSmoothing },
        )
        let sum = 0
        const expected = rows.flatMap(([z, label]) => {
          const largest = Math.max(...z)
          const total = z.reduce((all, x) => all + Math.exp(x - largest), 0)
          const truth = z.map((_, i) => (i === label ? 1 - labelSmoothing : 0) + labelSmoothing / 3)
          sum += z.reduce((all, x, i) => all - (truth[i] ?? 0) * (x - largest - Math.log(total)), 0)
          return z.map((x, i) => (Math.exp(x - largest) / total - (truth[i] ?? 0)) / rows.length)
        })
        expect(Math.abs(value - sum / rows.length)).toBeLessThanOrEqual(1e-5 * (1 + sum / rows.length))
        expected.forEach((x, i) => {
          expect(Math.abs((grad[i] ?? Number.NaN) - x)).toBeLessThanOrEqual(2e-5)
        })
      }),
    ))

  it('stays finite for logits of ±1e30', () => {
    const { value, grad } = evaluate(name, [[1e30, -1e30, 0]], classes([0]))
    expect(value).toBe(0)
    expect(grad).toEqual([0, 0, 0])
  })

  it('is ln 3 for equal logits of three classes', () => {
    expect(evaluate(name, [[2, 2, 2]], classes([1])).value).toBeCloseTo(Math.log(3), 6)
  })
})

describe('categorical-crossentropy', () => {
  it('takes shares as well as classes: one-hot rows give the same bits', () => {
    const logits = [[1, -2, 0.5]]
    const shares = () => tf.tensor2d([[0, 1, 0]])
    const options = { labelSmoothing: 0 }
    expect(evaluate('categorical-crossentropy', logits, shares, options)).toEqual(
      evaluate('categorical-crossentropy', logits, classes([1]), options),
    )
  })

  it('from probabilities divides by their sum: (2, 6) is (¼, ¾), −log ¾ for class 1', () =>
    tidily(() => {
      const { perExample } = makeLoss('categorical-crossentropy', {}, 'probabilities')
      const value = numberOf(perExample(tf.tensor2d([[2, 6]]), tf.tensor1d([1], 'int32')))
      expect(value).toBeCloseTo(-Math.log(0.75), 6)
    }))
})

describe('sparse-categorical-crossentropy of a sequence', () => {
  it('is the mean over places as if each were an example', () =>
    tidily(() => {
      const { perExample, perPosition } = makeLoss('sparse-categorical-crossentropy')
      const logits = [
        [1, 2, 3],
        [0, 0, 4],
        [5, 1, 0],
        [2, 2, 2],
      ]
      const flat = perExample(tf.tensor2d(logits), tf.tensor1d([2, 0, 1, 1], 'int32')).dataSync()
      const [outputs, labels] = [tf.tensor3d(logits.flat(), [2, 2, 3]), tf.tensor2d([2, 0, 1, 1], [2, 2], 'int32')]
      expect(perPosition(outputs, labels).dataSync()).toEqual(flat)
      const [a = 0, b = 0, c = 0, d = 0] = flat
      expect([...perExample(outputs, labels).dataSync()]).toEqual([Math.fround((a + b) / 2), Math.fround((c + d) / 2)])
    }))
})

describe('binary-crossentropy', () => {
  it('costs nothing for sure and right logits, and the logit itself for sure and wrong ones', () => {
    const labels = () => tf.tensor2d([[1, 0, 1, 0]])
    const { value, grad } = evaluate('binary-crossentropy', [[1e30, -1e30, -80, 80]], labels)
    expect(value).toBe(40) // (0 + 0 + 80 + 80) / 4
    expect(grad).toEqual([0, 0, -0.25, 0.25])
  })

  it('smooths towards one half: at s = 0.2 a true label counts 0.9, so ln 9 is where the gradient is 0', () => {
    const { grad } = evaluate('binary-crossentropy', [[Math.log(9)]], () => tf.tensor2d([[1]]), { labelSmoothing: 0.2 })
    expect(Math.abs(grad[0] ?? 1)).toBeLessThanOrEqual(1e-6)
  })

  it('takes the classes of two as one output: the same as labels 0 and 1', () => {
    const logits = [[0.3], [-2], [1]]
    expect(evaluate('binary-crossentropy', logits, classes([1, 0, 0]), { labelSmoothing: 0.1 })).toEqual(
      evaluate('binary-crossentropy', logits, () => tf.tensor2d([[1], [0], [0]]), { labelSmoothing: 0.1 }),
    )
  })

  it('takes the classes of several outputs one against the rest', () => {
    const logits = [[0.3, -1, 2]]
    expect(evaluate('binary-crossentropy', logits, classes([2]))).toEqual(
      evaluate('binary-crossentropy', logits, () => tf.tensor2d([[0, 0, 1]])),
    )
  })
})
