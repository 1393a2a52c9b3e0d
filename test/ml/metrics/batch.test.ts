import type { Tensor } from '@tensorflow/tfjs-core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LossName } from '../../../src/contracts/loss.js'
import { BATCH_METRICS, type BatchMetricName, METRIC_TARGETS } from '../../../src/contracts/metric-name.js'
import { compile } from '../../../src/ml/engine/compile.js'
import { runEagerly } from '../../../src/ml/engine/eager.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { StepFunction } from '../../../src/ml/engine/types.js'
import { finishMetric, makeMetric } from '../../../src/ml/metrics/make-metric.js'
import { numberOf, tidily } from '../tensors.js'

const SIZE = 6
/** Few values, so that many are equal. */
const rowsOf = () =>
  fc.array(
    fc.tuple(fc.array(fc.integer({ min: -2, max: 2 }), { minLength: SIZE, maxLength: SIZE }), fc.nat(SIZE - 1)),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
type Rows = [number[], number][]

const lossFor = (name: BatchMetricName): LossName =>
  METRIC_TARGETS[name].includes('number') ? 'mean-squared-error' : 'sparse-categorical-crossentropy'

/** Numbers as targets are one-hot rows of the label. */
function labelsOf(name: BatchMetricName, rows: Rows): Tensor {
  const classes = tf.tensor1d(
    rows.map(([, label]) => label),
    'int32',
  )
  return METRIC_TARGETS[name].includes('number') ? tf.oneHot(classes, SIZE, 1, 0, 'float32') : classes
}

function sumOf(name: BatchMetricName, rows: Rows): number {
  if (rows.length === 0) return 0
  return tidily(() =>
    numberOf(makeMetric(name, lossFor(name))(tf.tensor2d(rows.map(([z]) => z)), labelsOf(name, rows))),
  )
}

describe.each(BATCH_METRICS)('%s', (name) => {
  it('adds up over batches: the sum over all examples is that of any split', () =>
    fc.assert(
      fc.property(rowsOf(), fc.nat(), (rows, cut) => {
        const at = cut % (rows.length + 1)
        const whole = sumOf(name, rows)
        expect(Math.abs(sumOf(name, rows.slice(0, at)) + sumOf(name, rows.slice(at)) - whole)).toBeLessThanOrEqual(
          1e-5 * (1 + whole),
        )
      }),
      { numRuns: 40 },
    ))

  it('says the same compiled and eager', () => {
    const rows: Rows = [
      [[1, 2, 2, 0, -1, 2], 2],
      [[0, 0, 0, 0, 0, 0], 5],
      [[-2, 1, 0, 1, 2, -1], 0],
    ]
    const step: StepFunction = ({ state: { x } }) => {
      if (!x) throw new Error('unreachable')
      return { outputs: { sum: makeMetric(name, lossFor(name))(x, labelsOf(name, rows)) } }
    }
    const state = {
      x: { type: 'float32', shape: [3, SIZE], values: Float32Array.from(rows.flatMap(([z]) => z)) },
    } as const
    const [compiled, eager] = [compile, runEagerly].map((open) => {
      const session = open({ x: { ...state.x, shape: [3, SIZE] } }, { f: { inputs: {}, step } })
      const sum = session.run('f', {}).sum?.[0] ?? Number.NaN
      session.close()
      return sum
    })
    expect(compiled).toBeCloseTo(eager ?? Number.NaN, 5)
  })
})

describe('top-k accuracies', () => {
  const TOP = ['top-2-accuracy', 'top-3-accuracy', 'top-4-accuracy', 'top-5-accuracy'] as const

  it('count the labels among the k first of a stable sort by descending output', () =>
    fc.assert(
      fc.property(rowsOf(), (rows) => {
        TOP.forEach((name, index) => {
          const expected = rows.filter(([z, label]) => {
            const order = z.map((_, i) => i).sort((a, b) => (z[b] ?? 0) - (z[a] ?? 0))
            return order.indexOf(label) < index + 2
          })
          expect(sumOf(name, rows)).toBe(expected.length)
        })
        expect(sumOf('accuracy', rows)).toBeLessThanOrEqual(sumOf('top-2-accuracy', rows))
      }),
    ))
})

describe('accuracy', () => {
  const right = (outputs: Tensor, labels: Tensor, loss: LossName) =>
    numberOf(makeMetric('accuracy', loss)(outputs, labels))

  it('counts right answers: 1 of 2', () =>
    tidily(() => {
      const outputs = tf.tensor2d([
        [1, 5, 2],
        [7, 1, 1],
      ])
      expect(right(outputs, tf.tensor1d([1, 2], 'int32'), 'sparse-categorical-crossentropy')).toBe(1)
    }))

  it('of a sequence is the share of right places of each example: 1/2 + 2/2', () =>
    tidily(() => {
      const outputs = tf.tensor3d([1, 0, 1, 0, 1, 0, 0, 1], [2, 2, 2])
      expect(right(outputs, tf.tensor2d([0, 1, 0, 1], [2, 2], 'int32'), 'sparse-categorical-crossentropy')).toBe(1.5)
    }))

  it('of several labels is the share of right ones, at logit 0: 2/4 + 4/4', () =>
    tidily(() => {
      const outputs = tf.tensor2d([
        [3, 0.2, -1, -2],
        [-1, -1, -1, 0.1],
      ])
      const labels = tf.tensor2d([
        [1, 0, 1, 0],
        [0, 0, 0, 1],
      ])
      expect(right(outputs, labels, 'binary-crossentropy')).toBe(1.5)
    }))

  it('of one output for two classes asks for its sign', () =>
    tidily(() => {
      const labels = tf.tensor1d([1, 1, 0], 'int32')
      expect(right(tf.tensor2d([[0.2], [-0.2], [-3]]), labels, 'hinge')).toBe(2)
      expect(right(tf.tensor2d([[0.2], [-0.2], [-3]]), labels, 'binary-crossentropy')).toBe(2)
    }))
})

describe('finishMetric', () => {
  it('perplexity of equal logits is the number of classes, without smoothing', () => {
    const rows: Rows = [
      [[1, 1, 1, 1, 1, 1], 3],
      [[0, 0, 0, 0, 0, 0], 0],
    ]
    expect(finishMetric('perplexity', sumOf('perplexity', rows) / 2)).toBeCloseTo(6, 5)
  })

  it('root-mean-squared-error of errors 3 and 4 in two of 6 numbers each: √((9 + 16) / 6 / 2)', () => {
    const rows: Rows = [
      [[1, 0, 0, 0, 0, 3], 0],
      [[5, 0, 0, 0, 0, 0], 0],
    ]
    const mean = sumOf('root-mean-squared-error', rows) / 2
    expect(finishMetric('root-mean-squared-error', mean)).toBeCloseTo(Math.sqrt(25 / 12), 6)
  })

  it('gives no number where it would be infinite', () => {
    expect(finishMetric('perplexity', 709)).toBeCloseTo(Math.exp(709), -300)
    expect(finishMetric('perplexity', 710)).toBeNull()
    expect(finishMetric('root-mean-squared-error', Number.POSITIVE_INFINITY)).toBeNull()
  })

  it('mean-absolute-error sums the mean of each example: (1 + 2) / 2 + 0 = 1.5', () =>
    tidily(() => {
      const metric = makeMetric('mean-absolute-error', 'huber')
      const [outputs, labels] = [tf.tensor2d([1, 2, 3, 4], [2, 2]), tf.tensor2d([2, 4, 3, 4], [2, 2])]
      expect(numberOf(metric(outputs, labels))).toBe(1.5)
    }))
})
