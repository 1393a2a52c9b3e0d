import type { Tensor, Tensor1D } from '@tensorflow/tfjs-core'
import { tf } from '../../src/ml/engine/tensorflow.js'
import type { Tensors } from '../../src/ml/engine/types.js'
import { unscale } from '../../src/ml/transforms/norms.js'
import { clipFactors } from '../../src/ml/transforms/scaling.js'
import { tensorOf } from './tensors.js'

const LARGE = 2 ** 40
const SHIFT = 2 ** 80

/**
 * Clips the gradient of every example by its own global norm and adds them up: Σᵢ gᵢ · min(1, maxNorm / ‖gᵢ‖₂), as in DP-SGD without
 * its noise. `grads`: one gradient an example, `[batch, …shape of the weight]`.
 * Returns the sums `[…shape of the weight]`, the norms [batch] before clipping, and how many of them exceeded the bound.
 * @see Abadi et al., "Deep learning with differential privacy", 2016.
 */
export function clipPerExample(grads: Tensors, maxNorm: number) {
  const rows = Object.values(grads).map(flatRows)
  const largest = tf.max(tf.stack(rows.map((row) => tf.max(tf.abs(row), 1))), 0)
  const small = tf.where(tf.less(largest, 1 / LARGE), tf.scalar(SHIFT), tf.scalar(1))
  const unit = tf.where(tf.greater(largest, LARGE), tf.scalar(1 / SHIFT), small)
  const squares = rows.map((row) => tf.sum(tf.square(tf.mul(row, tf.expandDims(unit, 1))), 1))
  const norms = { unit, scaled: tf.sqrt(tf.addN(squares)) }
  const { first, divisor, clipped } = clipFactors(norms, tf.scalar(maxNorm))
  const sums = Object.entries(grads).map(([name, grad], index) => {
    const scaled = tf.div(tf.mul(rows[index] ?? grad, tf.expandDims(first, 1)), tf.expandDims(divisor, 1))
    return [name, tf.reshape(tf.sum(scaled, 0), grad.shape.slice(1))] as const
  })
  return {
    sums: Object.fromEntries(sums) satisfies Tensors,
    norms: unscale(norms, norms.scaled) as Tensor1D, // one for each example
    clipped: tf.sum(clipped),
  }
}

/**
 * SPAM's clipping of spikes: g ← sign(g) · √(θ · v) where g² > θ · v, v being the optimizer's second moment of the element. An element
 * without one yet (v = 0) is left alone.
 * `secondMoments`: names and shapes of `grads`; θ > 0, in the paper 5000. Returns float32 scalar `elements`, how many were clipped.
 * @see Huang et al., "SPAM: spike-aware Adam with momentum reset for stable LLM training", 2025.
 */
export function clipSpikes(grads: Tensors, secondMoments: Tensors, theta: number) {
  const tensors = Object.entries(grads).map(([name, grad]) => {
    const moment = tensorOf(secondMoments, name)
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

function flatRows(grad: Tensor): Tensor {
  const [batch = 1] = grad.shape
  return tf.reshape(grad, [batch, grad.size / batch])
}
