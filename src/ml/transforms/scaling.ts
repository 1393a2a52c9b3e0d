import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'
import type { Tensors } from '../engine/types.js'
import { globalNorm, type Scaled, type ScaledNorm, scaledNorm, unscale } from './norms.js'
import { pickSelected, type Selection } from './selection.js'

const SMALLEST_NORMAL = 2 ** -126

/** How much gradients are shortened; every member has the shape of the norms. */
export interface Factors<T extends Tensor = Tensor> {
  /** min(1, bound / norm) */
  readonly scale: T
  /** `scale` as first / divisor: two normal floats, also where `scale` is none. */
  readonly first: T
  readonly divisor: T
  /** 1 where the norm exceeds the bound, else 0. */
  readonly clipped: T
}

/**
 * `scale` = min(1, bound / norm). Where it lies below the normal floats (norm beyond 1e38 · bound) it is applied in two steps,
 * each of which is a normal float: g · first / divisor. Two multiplications would not do: TensorFlow's optimizer merges their factors.
 * `bound` broadcasts against the norms and may be infinite.
 */
export function clipFactors<T extends Tensor>({ scaled, unit }: Scaled<T>, bound: Tensor): Factors<T> {
  const exceeds = tf.greater(scaled, tf.mul(unit, bound))
  const combined = tf.where(exceeds, tf.mul(tf.div(bound, scaled), unit), 1)
  const isTiny = tf.less(combined, SMALLEST_NORMAL)
  // All have the shape of the norms.
  return {
    scale: combined as T,
    first: tf.where(isTiny, unit, combined) as T,
    divisor: tf.where(isTiny, tf.div(scaled, bound), 1) as T,
    clipped: tf.cast(exceeds, 'float32') as T,
  }
}

export function scaleBy(grad: Tensor, { first, divisor }: Pick<Factors, 'first' | 'divisor'>): Tensor {
  return tf.div(tf.mul(grad, first), divisor)
}

/** The factors of each tensor of vectors of them. */
export function unstackFactors({ first, divisor }: Pick<Factors, 'first' | 'divisor'>) {
  const divisors = tf.unstack(divisor)
  return tf.unstack(first).map((factor, index) => ({ first: factor, divisor: divisors[index] ?? tf.scalar(1) }))
}

/** L2 norms of gradients in the three ways that clipping needs them. */
export interface Measured {
  /** Of the selected tensors together. */
  readonly joint: ScaledNorm
  /** Of each tensor, in the order of the record. Elements below 2⁻²³ of the largest of all may count as 0. */
  readonly tensorNorms: Tensor1D
  /** Of all tensors together. */
  readonly gradientNorm: Scalar
}

/** One pass for the largest element and one for the squares, whatever is selected. */
export function measure(grads: Tensors, selection: Selection): Measured {
  const list = Object.values(grads)
  const joint = scaledNorm(pickSelected(list, selection), 2)
  const norms = unscale(joint, joint.scaledEach)
  if (selection.all) return { joint, tensorNorms: norms, gradientNorm: unscale(joint, joint.scaled) }
  const others = scaledNorm(pickSelected(list, selection, false), 2)
  const inside = tf.unstack(norms)
  const outside = tf.unstack(unscale(others, others.scaledEach))
  const inOrder = selection.isSelected.flatMap((selected) => (selected ? inside : outside).splice(0, 1))
  const tensorNorms = tf.stack(inOrder) as Tensor1D // stacks scalars
  return { joint, tensorNorms, gradientNorm: globalNorm({ tensorNorms }, 2) }
}
