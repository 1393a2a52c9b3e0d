import type { Tensor } from '@tensorflow/tfjs-core'
import type { LayerDescription } from '../../planning/shapes.js'
import { tf } from '../engine/tensorflow.js'
import { tensorAt } from '../optimizers/optimizer.js'
import { type Arithmetic, exact } from './arithmetic.js'
import { LARGEST_FLOAT, positive } from './norms.js'
import type { Selection } from './selection.js'
import { type GradientTransformation, stateless } from './transformation.js'
import { type ClippedTensor, clipUnevenly, untouched } from './uneven.js'

/** The axes over which the norm of a unit of a weight is taken. */
export type UnitAxes = (name: string, shape: readonly number[]) => readonly number[]

/** A vector or scalar, and what adds to or scales outputs one by one, in whatever shape: the bias `[2, out]` of a GRU, the alpha of a PReLU. */
const isWhole = (name: string, shape: readonly number[]) => shape.length < 2 || /\b(bias|alpha|gamma|beta)$/.test(name)

/**
 * A unit is what makes one output, a row of the weight matrix of the paper: all axes but the last of a kernel (dense `[in, out]`, convolution
 * `[…, in, out]`, embeddings `[words, out]`), all but the last two of a depthwise one (`[…, in, multiplier]`). Biases, gains and other vectors are
 * one unit as a whole, as in optax and timm.
 */
export const unitAxes: UnitAxes = (name, shape) => {
  const kept = isWhole(name, shape) ? 0 : name.endsWith('depthwise-kernel') ? 2 : 1
  return shape.slice(0, shape.length - kept).map((_, axis) => axis)
}

/** `unitAxes` for the weights of these layers: kernels of transposed convolutions, `[height, width, out, in]`, have their output last but one. */
export function unitAxesOf(layers: readonly Pick<LayerDescription, 'type' | 'weights'>[]): UnitAxes {
  const transposed = new Set(
    layers.flatMap(({ type, weights }) => (type === 'conv2d-transpose' ? Object.keys(weights) : [])),
  )
  return (name, shape) =>
    transposed.has(name) && !isWhole(name, shape)
      ? shape.map((_, axis) => axis).filter((axis) => axis !== shape.length - 2)
      : unitAxes(name, shape)
}

/**
 * AGC: scales the gradient of each unit so that its L2 norm is at most the threshold times that of the unit's weights:
 * gᵤ ← gᵤ · min(1, threshold · max(‖wᵤ‖, ε) / ‖gᵤ‖).
 * @see Brock, De, Smith, Simonyan, "High-performance large-scale image recognition without normalization", 2021.
 */
export function clipAdaptively(
  selection: Selection,
  epsilon: number,
  axesOf = unitAxes,
  arithmetic = exact,
): GradientTransformation {
  return stateless('adaptive', (grads, { params, threshold }) =>
    clipUnevenly(grads, { threshold, arithmetic }, (grad, name, index) => {
      if (!selection.isSelected[index]) return untouched(grad, arithmetic)
      const units = { threshold, epsilon, axes: axesOf(name, grad.shape) }
      return clipUnits(grad, tensorAt(params, name), units, arithmetic)
    }),
  )
}

interface Units {
  readonly threshold: Tensor
  readonly epsilon: number
  readonly axes: readonly number[]
}

function clipUnits(
  grad: Tensor,
  weights: Tensor,
  { threshold, epsilon, axes }: Units,
  { over, ofTensor, value, factors, shorten }: Arithmetic,
): ClippedTensor {
  const measured = over(grad, axes)
  const weightNorms = over(weights, axes)
  const bounds = tf.mul(tf.maximum(value(weightNorms, weightNorms.scaled), epsilon), threshold)
  const shortening = factors(measured, bounds)
  const unitNorms = value(measured, measured.scaled)
  const unitNormsAfter = tf.mul(unitNorms, shortening.scale)
  const before = ofTensor(unitNorms)
  const after = ofTensor(unitNormsAfter)
  const norm = value(before, before.scaled)
  const normAfter = value(after, after.scaled)
  const scale = tf.min(shortening.scale)
  return {
    grad: shorten(grad, shortening),
    norm,
    normAfter,
    scale,
    engaged: tf.cast(tf.less(scale, 1), 'float32'),
    cosine: cosineOf([unitNorms, norm], [unitNormsAfter, normAfter]),
    elements: tf.mul(tf.sum(shortening.clipped), grad.size / unitNorms.size),
  }
}

/** Σᵤ ‖gᵤ‖ ‖gᵤ′‖ / (‖g‖ ‖g′‖): within a unit both point the same way. Each norm is divided first, so that no product overflows. */
function cosineOf([units, norm]: [Tensor, Tensor], [unitsAfter, normAfter]: [Tensor, Tensor]): Tensor {
  const share = (part: Tensor, whole: Tensor) => tf.div(part, positive(tf.minimum(whole, LARGEST_FLOAT)))
  const sum = tf.sum(tf.mul(share(units, norm), share(unitsAfter, normAfter)))
  const isZero = tf.logicalOr(tf.equal(norm, 0), tf.equal(normAfter, 0))
  return tf.where(isZero, 1, tf.minimum(sum, 1))
}
