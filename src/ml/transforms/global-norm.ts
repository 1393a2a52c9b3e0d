import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'
import type { Tensors } from '../engine/types.js'
import { type NormOrder, type Scaled, scaledNorm } from './norms.js'
import { infoOf } from './report.js'
import { clipFactors, type Measured, measure, scaleBy } from './scaling.js'
import { mapSelected, pickSelected, type Selection, vectorOf } from './selection.js'
import { type GradientTransformation, stateless } from './transformation.js'

/** Leaves the gradients alone and records their norms. */
export function withoutClipping(selection: Selection): GradientTransformation {
  return stateless('none', (grads) => {
    const { tensorNorms, gradientNorm } = measure(grads, selection)
    const one = tf.scalar(1)
    const zero = tf.scalar(0)
    const tensorScales = vectorOf(selection, one, one)
    const clip = { tensorNorms, gradientNorm, tensorScales, clipScale: one, clipped: zero, threshold: zero }
    return { grads, info: infoOf({ ...clip, isUniform: true }) }
  })
}

/**
 * Scales the selected gradients together so that their joint p-norm is at most the threshold: g ← g · min(1, threshold / ‖(g₁, g₂, …)‖ₚ).
 * A norm equal to it changes nothing; zero gradients stay zero. The norm neither overflows nor underflows in float32.
 * @see Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", 2013.
 */
export function clipByGlobalNorm(selection: Selection, p: NormOrder = 2): GradientTransformation {
  return stateless('global-norm', (grads, { threshold }) => {
    const measured = measure(grads, selection)
    const norm = p === 2 ? measured.joint : scaledNorm(pickSelected(Object.values(grads), selection), p)
    return clipJointly(grads, selection, measured, { norm, bound: threshold, threshold })
  })
}

/** Scales the selected gradients by min(1, bound / norm); `threshold` is what the record calls the threshold of the step. */
export function clipJointly(
  grads: Tensors,
  selection: Selection,
  { tensorNorms, gradientNorm }: Measured,
  { norm, bound, threshold }: { norm: Scaled<Scalar>; bound: Tensor; threshold: Tensor },
): { grads: Tensors; info: Tensors } {
  const factors = clipFactors(norm, bound)
  const { scale: clipScale, clipped } = factors
  const tensorScales = vectorOf(selection, clipScale, tf.scalar(1))
  return {
    grads: mapSelected(grads, selection, (grad) => scaleBy(grad, factors)),
    info: infoOf({
      ...{ tensorNorms, gradientNorm, tensorScales, clipScale, clipped, threshold },
      isUniform: selection.all,
    }),
  }
}
