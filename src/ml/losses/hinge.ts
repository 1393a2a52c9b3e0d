import { tf } from '../engine/tensorflow.js'
import { elementwiseLoss, type Loss, rowLoss } from './loss.js'
import { classShares, labelSigns } from './truth.js'

/** Mean of max(0, 1 − s · p) over the outputs p [batch, …, labels], with s = ±1 from `labelSigns`; derivative −s where positive. */
export const hinge: Loss = elementwiseLoss((outputs, labels) => {
  const signs = labelSigns(labels, outputs)
  const margin = tf.sub(1, tf.mul(signs, outputs))
  return {
    values: tf.relu(margin),
    derivative: () => tf.neg(tf.mul(signs, tf.cast(tf.greater(margin, 0), 'float32'))),
  }
})

/** Mean of max(0, 1 − s · p)², as `hinge`; derivative −2 s · max(0, 1 − s · p). */
export const squaredHinge: Loss = elementwiseLoss((outputs, labels) => {
  const signs = labelSigns(labels, outputs)
  const loss = tf.relu(tf.sub(1, tf.mul(signs, outputs)))
  return { values: tf.square(loss), derivative: () => tf.mul(tf.mul(signs, loss), -2) }
})

/**
 * max(0, 1 + max((1 − t) · p) − Σ t · p) with t one-hot, for scores p [batch, …, classes]. The maximum is at least 0, as in Keras. Of equal largest
 * scores each gets an equal part of the derivative.
 */
export const categoricalHinge: Loss = rowLoss((outputs, labels) => {
  const truth = classShares(labels, outputs)
  const others = tf.sub(1, truth)
  const wrong = tf.mul(others, outputs)
  const largest = tf.max(wrong, -1, true)
  const margin = tf.add(tf.sub(largest, tf.sum(tf.mul(truth, outputs), -1, true)), 1)
  return {
    values: tf.squeeze(tf.relu(margin), [-1]),
    derivative: () => {
      const isLargest = tf.cast(tf.equal(wrong, largest), 'float32')
      const part = tf.mul(tf.div(isLargest, tf.sum(isLargest, -1, true)), others)
      return tf.mul(tf.sub(part, truth), tf.cast(tf.greater(margin, 0), 'float32'))
    },
  }
})
