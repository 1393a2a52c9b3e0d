import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'
import {
  largestOf,
  type NormOrder,
  type Scaled,
  type ScaledNorm,
  scaledNorm,
  scaledNormsOver,
  scaledTensorNorm,
  unscale,
} from './norms.js'
import { clipFactors, type Factors, scaleBy } from './scaling.js'

/** How clipping computes norms of gradients and shortens these: `exact` below, or `makeQuick`. */
export interface Arithmetic {
  /** The p-norm of all tensors together, and of each by itself. */
  joint(tensors: readonly Tensor[], p: NormOrder): ScaledNorm
  /** The L2 norm of one tensor; `largest`, if it is known, is max |x| of it. */
  ofTensor(tensor: Tensor, largest?: Scalar): Scaled<Scalar>
  /** L2 norms over `axes`, which stay as axes of extent 1. */
  over(tensor: Tensor, axes: readonly number[]): Scaled
  /** max |x| */
  largest(tensor: Tensor): Scalar
  /**
   * Whether an element of a tensor exceeds `bound`, and was limited to it. Given is all that may tell: max |x|, and the norm before and after.
   * Quick arithmetic sees it by the norms, and so only if they differ as float32.
   */
  exceeds(of: { largest: Scalar; bound: Tensor; before: Scaled; after: Scaled }): Tensor
  /** `scaled`, a norm or norms of that unit, as float32. */
  value<T extends Tensor>(norm: { readonly unit: Tensor }, scaled: T): T
  /** The norm of all gradients, given as computed; NaN if one of them is NaN or infinite, or if this arithmetic does not hold for them. */
  witness(norm: Scalar): Scalar
  /** min(1, bound / norm); `bound` broadcasts against the norms and may be infinite. */
  factors<T extends Tensor>(norm: Scaled<T>, bound: Tensor): Factors<T>
  shorten(grad: Tensor, factors: Pick<Factors, 'first' | 'divisor'>): Tensor
}

/** For gradients over all of float32: nothing overflows or underflows. Norms take a pass for the largest element and one for the sum. */
export const exact: Arithmetic = {
  joint: scaledNorm,
  ofTensor: scaledTensorNorm,
  over: scaledNormsOver,
  largest: largestOf,
  exceeds: ({ largest, bound }) => tf.greater(largest, bound),
  value: unscale,
  witness: (norm) => norm,
  factors: clipFactors,
  shorten: scaleBy,
}
