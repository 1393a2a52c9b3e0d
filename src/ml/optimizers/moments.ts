import type { Tensor } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'

/** Exponential mean: m + (x − m)(1 − decay). */
export function meanTowards(mean: Tensor, value: Tensor, decay: number): Tensor {
  return tf.add(mean, tf.mul(tf.sub(value, mean), 1 - decay))
}

/** Exponential mean: decay · m + (1 − decay) · x, which is rounded otherwise than `meanTowards`: each optimizer takes the form that Keras takes. */
export function meanOf(mean: Tensor, value: Tensor, decay: number): Tensor {
  return tf.add(tf.mul(mean, decay), tf.mul(value, 1 - decay))
}

/**
 * x / √y, as a product with the inverse root. TensorFlow rewrites the division to that in a graph, so that compiled and eager steps would differ in
 * the last bit.
 */
export function overRoot(x: Tensor, y: Tensor): Tensor {
  return tf.mul(x, tf.rsqrt(y))
}
