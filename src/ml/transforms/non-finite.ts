import type { Scalar, Tensor1D } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'
import type { Tensors } from '../engine/types.js'

/**
 * Policy `zero`: NaN and ±infinity become 0, element by element. `info`: float32 `tensorNonFinite` [tensors], how many there were in each,
 * in the order of the record, and their sum `nonFinite`.
 * @see `zero_nans` of Hessel et al., "Optax", 2020, which keeps infinities.
 */
export function zeroNonFinite(grads: Tensors): {
  grads: Tensors
  info: { nonFinite: Scalar; tensorNonFinite: Tensor1D }
} {
  const tensors = Object.entries(grads).map(([name, grad]) => {
    const finite = tf.isFinite(grad)
    const count = tf.sum(tf.cast(tf.logicalNot(finite), 'float32'))
    return { name, grad: tf.where(finite, grad, tf.zerosLike(grad)), count }
  })
  const tensorNonFinite = tf.stack(tensors.map(({ count }) => count)) as Tensor1D // stacks scalars
  return {
    grads: Object.fromEntries(tensors.map(({ name, grad }) => [name, grad])),
    info: { nonFinite: tf.sum<Scalar>(tensorNonFinite), tensorNonFinite },
  }
}

/** Counts of gradients that were not finite. */
export interface NonFiniteCounts {
  readonly consecutive: number
  readonly total: number
}

/**
 * Policy `skip` by consecutive errors, as `apply_if_finite` of optax: an update is applied if its gradients are finite, or if more than
 * `maxConsecutive` in a row were not: then NaN reaches the weights, for the caller to see.
 */
export function afterGradient(
  { consecutive, total }: NonFiniteCounts,
  finite: boolean,
  maxConsecutive: number,
): NonFiniteCounts & { readonly isApplied: boolean } {
  if (finite) return { consecutive: 0, total, isApplied: true }
  return { consecutive: consecutive + 1, total: total + 1, isApplied: consecutive + 1 > maxConsecutive }
}

/** A power of two that the loss is multiplied by, so that small gradients survive in short floats; and finite steps since it changed. */
export interface LossScale {
  readonly scale: number
  readonly finiteSteps: number
}

/**
 * Dynamic loss scaling: after `growthSteps` finite steps in a row the scale doubles, after a step that is not finite it is halved, and
 * that step is not applied. Training in float32 has no need of it.
 * @see Micikevicius et al., "Mixed precision training", 2018.
 */
export function nextLossScale({ scale, finiteSteps }: LossScale, finite: boolean, growthSteps: number): LossScale {
  if (!finite) return { scale: scale / 2, finiteSteps: 0 }
  if (finiteSteps + 1 < growthSteps) return { scale, finiteSteps: finiteSteps + 1 }
  return { scale: scale * 2, finiteSteps: 0 }
}
