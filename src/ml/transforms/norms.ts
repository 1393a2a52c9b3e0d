import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'

export type NormOrder = 1 | 2 | 3 | 'infinity'

/** Magnitudes from 1 / LARGE to LARGE are squared as they are; those beyond are shifted by SHIFT first. */
export const LARGE = 2 ** 40
const SHIFT = 2 ** 80
export const LARGEST_FLOAT = 3.4028234663852886e38

/** Norms in a form that neither overflows nor underflows: ‖g‖ = `scaled` / `unit`, both of one shape. */
export interface Scaled<T extends Tensor = Tensor> {
  readonly unit: T
  readonly scaled: T
}

/**
 * A norm in a form that neither overflows nor underflows: ‖g‖ₚ = `scaled` / `unit`, where `unit` is 2⁻⁸⁰, 1 or 2⁸⁰, chosen so that
 * max |g · unit| lies in [2⁻⁴⁶, 2⁴⁸]. Multiplying by a power of two rounds nothing, and in the usual range `unit` is 1.
 */
export interface ScaledNorm extends Scaled<Scalar> {
  /** The same for every tensor by itself, in the order given. [tensors] */
  readonly scaledEach: Tensor1D
}

/**
 * The p-norm of all tensors together, (Σ |g|ᵖ)^(1/p) or max |g|, and of each. With `unscale` exact to float rounding for elements from 1e-38 to
 * 3e38, where squaring them would give 0 or infinity; NaN if an element is NaN or infinite (order `infinity` may miss a NaN when compiled:
 * maxima of TensorFlow are not consistent in that).
 */
export function scaledNorm(tensors: readonly Tensor[], p: NormOrder): ScaledNorm {
  const largestEach = tf.stack(tensors.map(largestOf)) as Tensor1D // stacks scalars
  const largest = tf.max<Scalar>(largestEach)
  const unit = unitFor(largest)
  if (p === 'infinity') return { unit, scaled: tf.mul(largest, unit), scaledEach: tf.mul(largestEach, unit) }
  // Cubes leave the range of float32 even between 2⁻⁴⁶ and 2⁴⁸, so for them the elements are divided by the largest.
  const divisor = p === 3 ? positive(tf.mul<Scalar>(largest, unit)) : null
  const powers = tensors.map((tensor) => {
    const element = tf.mul(tensor, unit)
    return sumOfPowers(divisor === null ? element : tf.div(element, divisor), p)
  })
  const each = tf.stack(powers) as Tensor1D // stacks scalars
  const root = (sum: Tensor) => (divisor === null ? rootOf(sum, p) : tf.mul(rootOf(sum, p), divisor))
  // Roots of a scalar and of a vector have the shapes of their arguments.
  return { unit, scaled: root(tf.sum(each)) as Scalar, scaledEach: root(each) as Tensor1D }
}

/** The L2 norm of one tensor, with a unit of its own: exact also beside tensors of another magnitude. */
export function scaledTensorNorm(tensor: Tensor, largest = largestOf(tensor)): Scaled<Scalar> {
  const unit = unitFor(largest)
  return { unit, scaled: tf.sqrt(total(tf.square(tf.mul(tensor, unit)))) as Scalar } // a root of a scalar
}

/** The L2 norms over `axes`, which stay as axes of extent 1, so that they broadcast against `tensor`. */
export function scaledNormsOver(tensor: Tensor, axes: readonly number[]): Scaled {
  const unit = unitFor(tf.max(tf.abs(tensor), [...axes], true))
  return { unit, scaled: tf.sqrt(tf.sum(tf.square(tf.mul(tensor, unit)), [...axes], true)) }
}

/** Undoes the scaling of `value`, a norm of `norm`'s scale; NaN where it is not finite, at most the largest float32. */
export function unscale<T extends Tensor>(norm: { readonly unit: Tensor }, value: T): T {
  const inverse = tf.div(1, norm.unit)
  const inRange = tf.lessEqual(value, LARGEST_FLOAT)
  return tf.where(inRange, tf.minimum(tf.mul(value, inverse), LARGEST_FLOAT), NaN) as T // shape of `value`
}

/** max |x| */
export function largestOf(tensor: Tensor): Scalar {
  return tf.max<Scalar>(tf.abs(tensor))
}

/** 2⁸⁰ for tensors whose largest element is below 2⁻⁴⁰, 2⁻⁸⁰ above 2⁴⁰, else 1. */
function unitFor<T extends Tensor>(largest: T): T {
  // Zero takes the unit for small numbers, which does it no harm.
  const small = tf.where(tf.less(largest, 1 / LARGE), tf.scalar(SHIFT), tf.scalar(1))
  return tf.where(tf.greater(largest, LARGE), tf.scalar(1 / SHIFT), small) as T // shape of `largest`
}

function sumOfPowers(tensor: Tensor, p: 1 | 2 | 3): Tensor {
  if (p === 2) return total(tf.square(tensor))
  const absolute = tf.abs(tensor)
  return total(p === 1 ? absolute : tf.mul(tf.square(tensor), absolute))
}

/**
 * Sum of numbers that are not negative. Columns come first: XLA adds them side by side, where the sum of all elements is one long
 * chain of additions. `abs` changes no number; it keeps XLA from merging the two sums into that chain.
 */
export function total(tensor: Tensor): Tensor {
  if (tensor.rank < 2) return tf.sum(tensor)
  return tf.sum(tf.abs(tf.sum(tensor, leadingAxes(tensor))))
}

/** All axes but the last. */
export function leadingAxes({ shape }: Tensor): number[] {
  return shape.slice(0, -1).map((_, axis) => axis)
}

function rootOf(sum: Tensor, p: 1 | 2 | 3): Tensor {
  if (p === 1) return sum
  return p === 2 ? tf.sqrt(sum) : tf.pow(sum, 1 / 3)
}

/** `value`, 1 in place of 0: a divisor. */
export function positive<T extends Tensor>(value: T): T {
  return tf.where(tf.equal<Tensor>(value, 0), tf.scalar(1), value as Tensor) as T // shape of `value`
}
