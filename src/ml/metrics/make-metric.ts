import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import { decisionThreshold, type LossName, takesLogits } from '../../contracts/loss.js'
import type { BatchMetricName } from '../../contracts/metric-name.js'
import { tf } from '../engine/tensorflow.js'
import { categoricalCrossentropy, categoricalCrossentropyOfProbabilities } from '../losses/crossentropy.js'

/**
 * Sum over the examples of a batch, from outputs [batch, …, size] and labels as in `Loss`; an example of several numbers counts with the mean over
 * them. Sums add up over batches of any size; `finishMetric` of their sum divided by the number of examples is the metric.
 */
export type Metric = (outputs: Tensor, labels: Tensor) => Scalar

/** The metric of the mean over the examples: the root of a squared error, the exponential of an entropy in nats. Null if that is not finite. */
export function finishMetric(name: BatchMetricName, mean: number): number | null {
  const value = name === 'root-mean-squared-error' ? Math.sqrt(mean) : name === 'perplexity' ? Math.exp(mean) : mean
  return Number.isFinite(value) ? value : null
}

/** Means over the examples, `loss` and those of metrics, as the metrics that they stand for; without those that have no value. */
export function finishMeans(means: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(means).flatMap(([name, mean]) => {
      const value = name === 'loss' ? mean : finishMetric(name as BatchMetricName, mean) // there is nothing else
      return value === null ? [] : [[name, value]]
    }),
  )
}

/** The loss says what the outputs are: logits, scores or probabilities. */
export function makeMetric(name: BatchMetricName, loss: LossName): Metric {
  return METRICS[name](loss)
}

/**
 * The class or token that outputs [batch, …, size] stand for, int32 [batch, …]: the largest, the first of equal ones; of a single output the
 * second of two classes where it is above the threshold of the loss.
 */
export function decide(outputs: Tensor, loss: LossName): Tensor {
  if (outputs.shape.at(-1) !== 1) return tf.argMax(outputs, -1)
  return tf.cast(tf.squeeze(tf.greater(outputs, decisionThreshold(loss, 'outputs')), [-1]), 'int32')
}

/**
 * Right answers. Int32 classes or tokens: `decide` gives the label. Float32 labels 0 or 1 (multi-label, each counts alone): the output is above
 * the threshold exactly if the label holds.
 */
function accuracy(loss: LossName): Metric {
  return (outputs, labels) => {
    const isOfLabels = labels.rank === outputs.rank
    const answers = isOfLabels ? tf.greater(outputs, decisionThreshold(loss, 'outputs')) : decide(outputs, loss)
    const isRight = tf.equal(tf.cast(answers, 'int32'), tf.cast(labels, 'int32'))
    return sumOfMeans(tf.cast(isRight, 'float32'))
  }
}

/** Positions whose label is among the `k` largest outputs; of equal outputs the first come first, so that it never is below the accuracy. */
function topAccuracy(k: number): Metric {
  return (outputs, labels) => {
    const truth = tf.oneHot(tf.cast(labels, 'int32'), outputs.shape.at(-1) ?? 1, 1, 0, 'float32')
    const ofLabel = tf.sum(tf.mul(outputs, truth), -1, true)
    const isBefore = tf.cumsum(truth, -1, true, true) // 1 at the classes before that of the label
    const isLarger = tf.cast(tf.greater(outputs, ofLabel), 'float32')
    const isEqual = tf.cast(tf.equal(outputs, ofLabel), 'float32')
    const rank = tf.sum(tf.add(isLarger, tf.mul(isEqual, isBefore)), -1)
    return sumOfMeans(tf.cast(tf.less(rank, k), 'float32'))
  }
}

/** |output − label|, both [batch, …, size]. */
const absoluteError: Metric = (outputs, labels) => sumOfMeans(tf.abs(tf.sub(outputs, labels)))

/** (output − label)², both [batch, …, size]. */
const squaredError: Metric = (outputs, labels) => sumOfMeans(tf.squaredDifference(outputs, labels))

/** −log of the probability that the label has, in nats, without the smoothing or the weights that the loss may have. */
function entropy(loss: LossName): Metric {
  const { perPosition } =
    takesLogits(loss) === 'softmax' ? categoricalCrossentropy(0) : categoricalCrossentropyOfProbabilities(0)
  return (outputs, labels) => sumOfMeans(perPosition(outputs, labels))
}

/** Sum over the first axis of the mean over the others. */
function sumOfMeans(values: Tensor): Scalar {
  const perExample = values.size / (values.shape[0] ?? 1)
  const sum = tf.sum(values)
  return (perExample === 1 ? sum : tf.div(sum, perExample)) as Scalar // the sum of everything
}

const METRICS = {
  accuracy,
  'top-2-accuracy': () => topAccuracy(2),
  'top-3-accuracy': () => topAccuracy(3),
  'top-4-accuracy': () => topAccuracy(4),
  'top-5-accuracy': () => topAccuracy(5),
  'mean-absolute-error': () => absoluteError,
  'mean-squared-error': () => squaredError,
  'root-mean-squared-error': () => squaredError,
  perplexity: entropy,
} satisfies Record<BatchMetricName, (loss: LossName) => Metric>
