import type { Tensor } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'
import { derivedLoss, elementwiseLoss, type Loss, rowLoss } from './loss.js'
import { classShares, labelShares } from './truth.js'

/**
 * −Σ t · log softmax(z) from logits z [batch, …, classes] and the truth t: int32 classes [batch, …], or shares of the shape of z that sum to 1.
 * Shifted by the largest logit, so it stays finite. The gradient by z is (softmax(z) − t) / positions. `smoothing` in [0, 1).
 */
export function categoricalCrossentropy(smoothing: number): Loss {
  return rowLoss(
    (logits, labels) => {
      const truth = classShares(labels, logits, smoothing)
      const shifted = tf.sub(logits, tf.max(logits, -1, true))
      const exponentials = tf.exp(shifted)
      const total = tf.sum(exponentials, -1, true)
      const ofTruth = tf.sum(tf.mul(shifted, truth), -1)
      return {
        values: tf.sub(tf.log(tf.squeeze(total, [-1])), ofTruth), // log Σ exp(z) − Σ t · z
        derivative: () => tf.sub(tf.div(exponentials, total), truth),
      }
    },
    (logits) => tf.softmax(logits),
  )
}

/**
 * The same from probabilities: divided by their sum, and clipped to [1e-7, 1 − 1e-7] as in Keras, so that a share of 0 costs 16.1. Where it is
 * clipped the gradient is 0: prefer logits.
 */
export function categoricalCrossentropyOfProbabilities(smoothing: number): Loss {
  return derivedLoss((probabilities, labels) => {
    const normalized = tf.div(probabilities, tf.sum(probabilities, -1, true))
    return tf.neg(tf.sum(tf.mul(classShares(labels, probabilities, smoothing), tf.log(clipped(normalized))), -1))
  })
}

/**
 * Mean over the labels of −t · log σ(z) − (1 − t) · log(1 − σ(z)) = max(z, 0) − z · t + log(1 + exp(−|z|)), from logits z [batch, …, labels]; t as
 * `labelShares` gives it. The gradient by z is (σ(z) − t) / entries. `smoothing` in [0, 1).
 */
export function binaryCrossentropy(smoothing: number): Loss {
  return elementwiseLoss(
    (logits, labels) => {
      const truth = labelShares(labels, logits, smoothing)
      // Of a sure and right logit nothing but the softplus is left: max(z, 0) − z · t cancels exactly.
      const linear = tf.sub(tf.relu(logits), tf.mul(logits, truth))
      return {
        values: tf.add(linear, tf.softplus(tf.neg(tf.abs(logits)))),
        derivative: () => tf.sub(tf.sigmoid(logits), truth),
      }
    },
    (logits) => tf.sigmoid(logits),
  )
}

/** The same from probabilities, clipped to [1e-7, 1 − 1e-7] as in Keras. */
export function binaryCrossentropyOfProbabilities(smoothing: number): Loss {
  return derivedLoss((probabilities, labels) => {
    const truth = labelShares(labels, probabilities, smoothing)
    const p = clipped(probabilities)
    const logLikelihood = tf.add(tf.mul(truth, tf.log(p)), tf.mul(tf.sub(1, truth), tf.log(tf.sub(1, p))))
    return tf.neg(tf.mean(logLikelihood, -1))
  })
}

/** Of Keras. */
const EPSILON = 1e-7

const clipped = (probabilities: Tensor): Tensor => tf.clipByValue(probabilities, EPSILON, 1 - EPSILON)
