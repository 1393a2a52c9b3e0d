import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'
import type { Tensors } from '../engine/types.js'
import type { Arithmetic } from './arithmetic.js'
import type { NormOrder, Scaled } from './norms.js'
import { infoOf } from './report.js'
import { type Measured, measure } from './scaling.js'
import { mapSelected, pickSelected, type Selection, vectorOf } from './selection.js'
import { type GradientTransformation, stateless } from './transformation.js'

/** Leaves the gradients alone and records their norms. */
export function withoutClipping(selection: Selection, arithmetic: Arithmetic): GradientTransformation {
  return stateless('none', (grads) => {
    const { tensorNorms, gradientNorm } = measure(grads, selection, arithmetic)
    const one = tf.scalar(1)
    const zero = tf.scalar(0)
    const tensorScales = vectorOf(selection, one, one)
    const clip = { tensorNorms, gradientNorm, tensorScales, clipScale: one, clipped: zero, threshold: zero }
    return { grads, info: infoOf({ ...clip, isUniform: true }, arithmetic) }
  })
}

/**
 * Scales the selected gradients together so that their joint p-norm is at most the threshold: g ← g · min(1, threshold / ‖(g₁, g₂, …)‖ₚ).
 * A norm equal to it changes nothing; zero gradients stay zero.
 * @see Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", 2013.
 */
export function clipByGlobalNorm(
  selection: Selection,
  arithmetic: Arithmetic,
  p: NormOrder = 2,
): GradientTransformation {
  return stateless('global-norm', (grads, { threshold }) => {
    const measured = measure(grads, selection, arithmetic)
    const norm = p === 2 ? measured.joint : arithmetic.joint(pickSelected(Object.values(grads), selection), p)
    return clipJointly(grads, selection, { arithmetic, measured, norm, bound: threshold, threshold })
  })
}

export interface JointClip {
  readonly arithmetic: Arithmetic
  readonly measured: Measured
  readonly norm: Scaled<Scalar>
  readonly bound: Tensor
  /** What the record calls the threshold of the step. */
  readonly threshold: Tensor
}

/** Scales the selected gradients by min(1, bound / norm). */
export function clipJointly(
  grads: Tensors,
  selection: Selection,
  { arithmetic, measured, norm, bound, threshold }: JointClip,
): { grads: Tensors; info: Tensors } {
  const { tensorNorms, gradientNorm } = measured
  const factors = arithmetic.factors(norm, bound)
  const { scale: clipScale, clipped } = factors
  const tensorScales = vectorOf(selection, clipScale, tf.scalar(1))
  const clip = { tensorNorms, gradientNorm, tensorScales, clipScale, clipped, threshold }
  return {
    grads: mapSelected(grads, selection, (grad) => arithmetic.shorten(grad, factors)),
    info: infoOf({ ...clip, isUniform: selection.all }, arithmetic),
  }
}
