import { tf } from '../engine/tensorflow.js'
import type { Tensors } from '../engine/types.js'
import { tensorAt } from '../optimizers/optimizer.js'

/**
 * SPAM's clipping of spikes: g ← sign(g) · √(θ · v) where g² > θ · v, v being the optimizer's second moment of the element. An element
 * without one yet (v = 0) is left alone. Not a mode of a job: it belongs to optimizers that keep second moments.
 * `secondMoments`: names and shapes of `grads`; θ > 0, in the paper 5000. Returns float32 scalar `elements`, how many were clipped.
 * @see Huang et al., "SPAM: spike-aware Adam with momentum reset for stable LLM training", 2025.
 */
export function clipSpikes(grads: Tensors, secondMoments: Tensors, theta: number) {
  const tensors = Object.entries(grads).map(([name, grad]) => {
    const moment = tensorAt(secondMoments, name)
    // Compared by the root: the square of a spike may overflow.
    const limit = tf.where(tf.greater(moment, 0), tf.sqrt(tf.mul(moment, theta)), Number.POSITIVE_INFINITY)
    const clipped = tf.maximum(tf.minimum(grad, limit), tf.neg(limit))
    return { name, clipped, elements: tf.sum(tf.cast(tf.greater(tf.abs(grad), limit), 'float32')) }
  })
  return {
    grads: Object.fromEntries(tensors.map(({ name, clipped }) => [name, clipped])) satisfies Tensors,
    elements: tf.addN(tensors.map(({ elements }) => elements)),
  }
}
