import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'
import type { Arithmetic } from './arithmetic.js'
import { infoOf } from './report.js'
import { normOfNorms } from './scaling.js'
import type { Selection } from './selection.js'
import { type GradientTransformation, stateless } from './transformation.js'

/**
 * Scales each selected gradient by itself so that its L2 norm is at most the threshold: g ← g · min(1, threshold / ‖g‖₂).
 * A norm equal to it changes nothing.
 */
export function clipByNorm(selection: Selection, arithmetic: Arithmetic): GradientTransformation {
  return clipEach('norm', selection, arithmetic, () => 1)
}

/**
 * Scales each selected gradient by itself so that its root mean square is at most the threshold: g ← g / max(1, RMS(g) / threshold),
 * which is clipping by the norm at threshold · √(number of elements).
 * @see `clip_by_block_rms` of Hessel et al., "Optax", 2020.
 */
export function clipByBlockRms(selection: Selection, arithmetic: Arithmetic): GradientTransformation {
  return clipEach('block-rms', selection, arithmetic, Math.sqrt)
}

function clipEach(
  name: string,
  selection: Selection,
  arithmetic: Arithmetic,
  boundOfOne: (size: number) => number,
): GradientTransformation {
  return stateless(name, (grads, { threshold }) => {
    const tensors = Object.entries(grads).map(([key, grad], index) => {
      const measured = arithmetic.ofTensor(grad)
      const norm = arithmetic.value(measured, measured.scaled)
      if (!selection.isSelected[index]) return { key, grad, norm, scale: tf.scalar(1), clipped: tf.scalar(0) }
      const factors = arithmetic.factors(measured, tf.mul(threshold, boundOfOne(grad.size)))
      return { key, grad: arithmetic.shorten(grad, factors), norm, scale: factors.scale, clipped: factors.clipped }
    })
    const stacked = (of: (tensor: (typeof tensors)[number]) => Tensor) => tf.stack(tensors.map(of)) as Tensor1D // stacks scalars
    const tensorNorms = stacked(({ norm }) => norm)
    const tensorScales = stacked(({ scale }) => scale)
    const clip = {
      gradientNorm: normOfNorms(tensorNorms, arithmetic),
      tensorNorms,
      tensorScales,
      clipScale: tf.min<Scalar>(tensorScales),
      clipped: tf.max<Scalar>(stacked(({ clipped }) => clipped)),
      threshold,
    }
    return { grads: Object.fromEntries(tensors.map(({ key, grad }) => [key, grad])), info: infoOf(clip, arithmetic) }
  })
}
