import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'
import { tensorAt } from '../optimizers/optimizer.js'
import { globalNorm, LARGEST_FLOAT, positive, scaledNorms, scaledNormsOver, unscale } from './norms.js'
import { infoOf, ratioOf } from './report.js'
import { clipFactors, scaleBy } from './scaling.js'
import type { Selection } from './selection.js'
import { type GradientTransformation, stateless } from './transformation.js'

/** The axes over which the norm of a unit of a weight is taken. */
export type UnitAxes = (name: string, shape: readonly number[]) => readonly number[]

/**
 * A unit is what makes one output: all axes but the last of a kernel (dense `[in, out]`, convolution `[…, in, out]`), all but the
 * last two of a depthwise one (`[…, in, multiplier]`); a bias, or another vector, is one unit as a whole.
 */
export const unitAxes: UnitAxes = (name, shape) => {
  const kept = shape.length < 2 ? 0 : name.endsWith('depthwise-kernel') ? 2 : 1
  return shape.slice(0, shape.length - kept).map((_, axis) => axis)
}

/**
 * AGC: scales the gradient of each unit so that its L2 norm is at most the threshold times that of the unit's weights:
 * gᵤ ← gᵤ · min(1, threshold · max(‖wᵤ‖, ε) / ‖gᵤ‖). The norms of gradients neither overflow nor underflow.
 * @see Brock, De, Smith, Simonyan, "High-performance large-scale image recognition without normalization", 2021.
 */
export function clipAdaptively(selection: Selection, epsilon: number, axesOf = unitAxes): GradientTransformation {
  return stateless('adaptive', (grads, { params, threshold }) => {
    const tensors = Object.entries(grads).map(([name, grad], index) => {
      if (!selection.isSelected[index]) return untouched(name, grad)
      return clipUnits(name, grad, tensorAt(params, name), { threshold, epsilon, axes: axesOf(name, grad.shape) })
    })
    const before = scaledNorms(tensors.map(({ norms }) => norms))
    const after = scaledNorms(tensors.map(({ normsAfter }) => normsAfter))
    const tensorNorms = unscale(before, before.scaled)
    const tensorNormsAfter = unscale(after, after.scaled)
    return {
      grads: Object.fromEntries(tensors.map(({ name, grad }) => [name, grad])),
      info: infoOf({
        gradientNorm: globalNorm({ tensorNorms }, 2),
        tensorNorms,
        tensorScales: ratioOf(tensorNormsAfter, tensorNorms),
        clipScale: tf.min<Scalar>(tf.stack(tensors.map(({ scale }) => scale))),
        clipped: tf.max<Scalar>(tf.stack(tensors.map(({ clipped }) => clipped))),
        threshold,
        uneven: {
          tensorNormsAfter,
          tensorCosines: cosines(tensors, tensorNorms, tensorNormsAfter),
          tensorClipped: tf.stack(tensors.map(({ elements }) => elements)) as Tensor1D, // stacks scalars
        },
      }),
    }
  })
}

interface Clipped {
  readonly name: string
  readonly grad: Tensor
  /** Of its units, before and after; for a tensor that is left alone the tensor itself. */
  readonly norms: Tensor
  readonly normsAfter: Tensor
  /** The smallest factor. */
  readonly scale: Tensor
  readonly clipped: Tensor
  readonly elements: Tensor
}

function untouched(name: string, grad: Tensor): Clipped {
  const zero = tf.scalar(0)
  return { name, grad, norms: grad, normsAfter: grad, scale: tf.scalar(1), clipped: zero, elements: zero }
}

interface Units {
  readonly threshold: Tensor
  readonly epsilon: number
  readonly axes: readonly number[]
}

function clipUnits(name: string, grad: Tensor, weights: Tensor, { threshold, epsilon, axes }: Units): Clipped {
  const scaled = scaledNormsOver(grad, axes)
  const weightNorms = tf.sqrt(tf.sum(tf.square(weights), [...axes], true))
  const factors = clipFactors(scaled, tf.mul(tf.maximum(weightNorms, epsilon), threshold))
  const norms = unscale(scaled, scaled.scaled)
  return {
    name,
    grad: scaleBy(grad, factors),
    norms,
    normsAfter: tf.mul(norms, factors.scale),
    scale: tf.min(factors.scale),
    clipped: tf.max(factors.clipped),
    elements: tf.mul(tf.sum(factors.clipped), grad.size / norms.size),
  }
}

/** Σᵤ ‖gᵤ‖ ‖gᵤ′‖ / (‖g‖ ‖g′‖): within a unit both point the same way. Each norm is divided first, so that no product overflows. */
function cosines(tensors: readonly Clipped[], before: Tensor1D, after: Tensor1D): Tensor1D {
  const lengths = tf.unstack(positive(tf.minimum<Tensor1D>(before, LARGEST_FLOAT)))
  const lengthsAfter = tf.unstack(positive(tf.minimum<Tensor1D>(after, LARGEST_FLOAT)))
  const each = tensors.map(({ norms, normsAfter }, index) =>
    norms === normsAfter
      ? tf.scalar(1)
      : tf.sum(tf.mul(tf.div(norms, lengths[index] ?? 1), tf.div(normsAfter, lengthsAfter[index] ?? 1))),
  )
  const stacked = tf.minimum(tf.stack(each), 1)
  const isZero = tf.logicalOr(tf.equal(before, 0), tf.equal(after, 0))
  return tf.where(isZero, 1, stacked) as Tensor1D // stacks scalars
}
