import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import type { MetricName } from '../contracts/training-job.js'
import { tf } from './engine/tensorflow.js'

/** Sum over the examples of a batch; divided by the number of examples it is the metric. Sums add up over batches of any size. */
export type Metric = (outputs: Tensor, labels: Tensor) => Scalar

export function makeMetric(name: MetricName): Metric {
  return METRICS[name]
}

/** Examples whose largest output [batch, classes] is that of the int32 label [batch]; of equal outputs the first counts. */
const accuracy: Metric = (outputs, labels) =>
  tf.sum(tf.cast(tf.equal(tf.argMax(outputs, -1), tf.cast(labels, 'int32')), 'float32'))

/** Sum over examples of mean |output − label|; both [batch, numbers]. */
const meanAbsoluteError: Metric = (outputs, labels) => tf.sum(tf.mean(tf.abs(tf.sub(outputs, labels)), -1))

const METRICS = {
  accuracy,
  'mean-absolute-error': meanAbsoluteError,
} satisfies Record<MetricName, Metric>
