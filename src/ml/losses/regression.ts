import type { Tensor } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'
import { elementwiseLoss, type Loss } from './loss.js'

// Means over all entries of outputs p and labels t, both [batch, …, size]; the derivatives are those of one entry.

/** Added or kept away from in divisors and logarithms, as in Keras. */
const EPSILON = 1e-7

/** (p − t)²; derivative 2 (p − t). */
export const meanSquaredError: Loss = elementwiseLoss((outputs, labels) => {
  const error = tf.sub(outputs, labels)
  return { values: tf.square(error), derivative: () => tf.mul(error, 2) }
})

/** |p − t|; derivative sign(p − t), 0 where they are equal. */
export const meanAbsoluteError: Loss = elementwiseLoss((outputs, labels) => {
  const error = tf.sub(outputs, labels)
  return { values: tf.abs(error), derivative: () => tf.sign(error) }
})

/**
 * ½ e² up to |e| = δ, then δ (|e| − ½ δ), with e = p − t: c · (e − ½ c) where c is e clipped to ±δ, which is also the derivative.
 * `delta` is a positive finite number in units of the target.
 * @see Huber, "Robust Estimation of a Location Parameter", 1964.
 */
export function huber(delta: number): Loss {
  return elementwiseLoss((outputs, labels) => {
    const error = tf.sub(outputs, labels)
    const bounded = tf.clipByValue(error, -delta, delta)
    return { values: tf.mul(bounded, tf.sub(error, tf.mul(bounded, 0.5))), derivative: () => bounded }
  })
}

/** log cosh(p − t), as |e| + log(1 + exp(−2 |e|)) − log 2, which does not overflow; derivative tanh(p − t). */
export const logCosh: Loss = elementwiseLoss((outputs, labels) => {
  const error = tf.sub(outputs, labels)
  const size = tf.abs(error)
  return {
    values: tf.add(tf.sub(size, Math.LN2), tf.softplus(tf.mul(size, -2))),
    derivative: () => tf.tanh(error),
  }
})

/** (log(1 + p) − log(1 + t))²; of numbers below 1e-7 that is taken, and the derivative is 0 there. */
export const meanSquaredLogarithmicError: Loss = elementwiseLoss((outputs, labels) => {
  const logarithm = (x: Tensor) => tf.log1p(tf.maximum(x, EPSILON))
  const error = tf.sub(logarithm(outputs), logarithm(labels))
  return {
    values: tf.square(error),
    derivative: () => {
      const isAbove = tf.cast(tf.greater(outputs, EPSILON), 'float32')
      return tf.div(tf.mul(tf.mul(error, 2), isAbove), tf.add(tf.maximum(outputs, EPSILON), 1))
    },
  }
})

/** 100 · |p − t| / max(|t|, 1e-7), in percent; derivative 100 · sign(p − t) / max(|t|, 1e-7). */
export const meanAbsolutePercentageError: Loss = elementwiseLoss((outputs, labels) => {
  const error = tf.sub(outputs, labels)
  const scale = tf.div(100, tf.maximum(tf.abs(labels), EPSILON))
  return { values: tf.mul(tf.abs(error), scale), derivative: () => tf.mul(tf.sign(error), scale) }
})

/** p − t · log(p + 1e-7), for counts t ≥ 0 and rates p ≥ 0 (end the model in softplus or relu: a negative output has no logarithm); derivative 1 − t / (p + 1e-7). */
export const poisson: Loss = elementwiseLoss((outputs, labels) => {
  const rate = tf.add(outputs, EPSILON)
  return {
    values: tf.sub(outputs, tf.mul(labels, tf.log(rate))),
    derivative: () => tf.sub(1, tf.div(labels, rate)),
  }
})
