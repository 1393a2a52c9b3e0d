import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'
import type { Tensors } from '../engine/types.js'
import type { Arithmetic } from './arithmetic.js'
import type { Scaled, ScaledNorm } from './norms.js'
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
  /** Of all tensors together: see `Arithmetic.witness`. */
  readonly gradientNorm: Scalar
}

export function measure(grads: Tensors, selection: Selection, arithmetic: Arithmetic): Measured {
  const list = Object.values(grads)
  const { joint: jointNorm, value } = arithmetic
  const joint = jointNorm(pickSelected(list, selection), 2)
  const norms = value(joint, joint.scaledEach)
  if (selection.all) return { joint, tensorNorms: norms, gradientNorm: arithmetic.witness(value(joint, joint.scaled)) }
  const others = jointNorm(pickSelected(list, selection, false), 2)
  const inside = tf.unstack(norms)
  const outside = tf.unstack(value(others, others.scaledEach))
  const inOrder = selection.isSelected.flatMap((selected) => (selected ? inside : outside).splice(0, 1))
  const tensorNorms = tf.stack(inOrder) as Tensor1D // stacks scalars
  return { joint, tensorNorms, gradientNorm: normOfNorms(tensorNorms, arithmetic) }
}

/** The norm of all gradients, from those of each tensor. */
export function normOfNorms(tensorNorms: Tensor1D, { ofTensor, value, witness }: Arithmetic): Scalar {
  const norm = ofTensor(tensorNorms)
  return witness(value(norm, norm.scaled))
}
