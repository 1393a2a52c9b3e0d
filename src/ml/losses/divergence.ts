import type { Tensor } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'
import { derivedLoss, type Loss, rowLoss } from './loss.js'
import { classShares } from './truth.js'

/** Of Keras: smallest share, and smallest norm that is divided by. */
const EPSILON = 1e-7

/**
 * Σ t · log(t / p) over the classes, for probabilities p [batch, …, classes] and shares t as `classShares` gives them, both clipped to [1e-7, 1];
 * derivative −t / p, 0 where p was clipped. End the model in softmax.
 * @see Kullback, Leibler, "On Information and Sufficiency", 1951.
 */
export const klDivergence: Loss = rowLoss((outputs, labels) => {
  const truth = clipped(classShares(labels, outputs))
  const p = clipped(outputs)
  const ratio = tf.div(truth, p)
  return {
    values: tf.sum(tf.mul(truth, tf.log(ratio)), -1),
    derivative: () => tf.neg(tf.mul(ratio, tf.cast(tf.equal(p, outputs), 'float32'))),
  }
})

/** −t · p / (‖t‖ ‖p‖) over the last axis of [batch, …, size]: −1 = same direction, 1 = opposite; 0 if one of them is zero. */
export const cosineSimilarity: Loss = derivedLoss((outputs, labels) =>
  tf.neg(tf.sum(tf.mul(unit(labels), unit(outputs)), -1)),
)

const clipped = (shares: Tensor): Tensor => tf.clipByValue(shares, EPSILON, 1)

function unit(x: Tensor): Tensor {
  const squared = tf.sum(tf.square(x), -1, true)
  return tf.mul(x, tf.rsqrt(tf.maximum(squared, EPSILON ** 2)))
}
