import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'
import type { Tensors } from '../engine/types.js'
import type { Arithmetic } from './arithmetic.js'
import { LARGEST_FLOAT } from './norms.js'

/** What a mode that gives elements of one tensor different factors says of each tensor. [tensors] */
export interface Uneven {
  /** 1 if an element was clipped, else 0; a quick step of `value` sees it by the norm of the tensor. */
  readonly tensorEngaged: Tensor1D
  readonly tensorNormsAfter: Tensor1D
  /** Between the raw and the clipped gradient of the tensor, in [0, 1]; 1 where one of them is 0. */
  readonly tensorCosines: Tensor1D
  /** Elements that were clipped. */
  readonly tensorClipped: Tensor1D
}

/** What clipping did to one step's gradients. */
export interface Clip {
  readonly gradientNorm: Scalar
  readonly tensorNorms: Tensor1D
  readonly tensorScales: Tensor1D
  readonly clipScale: Scalar
  readonly clipped: Scalar
  readonly threshold: Tensor
  readonly uneven?: Uneven
  /** All tensors have the factor `clipScale`: then nothing has to be computed for the norm after clipping. */
  readonly isUniform?: boolean
}

/**
 * The `info` of every clipping mode, all float32; L2 norms, tensors in the order of the record. A compiled step computes what it outputs.
 * - `gradientNorm`: of all gradients before clipping; NaN exactly if one of them is NaN or infinite, and where a quick arithmetic does not hold.
 * - `gradientNormAfter`: the same after clipping, whatever the arithmetic.
 * - `clipScale`: the smallest factor applied to a tensor (1 = untouched), to a unit for `adaptive`; for `value` the ratio of the norms.
 * - `clipped`: 1 if clipping changed anything, else 0.
 * - `threshold`: the one in force at this step; 0 where there is none.
 * - `tensorNorms` [tensors], before clipping, and `tensorScales` [tensors], ratio of the norms after and before.
 * - `tensorEngaged`, `tensorNormsAfter`, `tensorCosines`, `tensorClipped` [tensors], only for `value` and `adaptive`; for the others the norms after
 *   clipping are tensorNorms · tensorScales, the cosines 1, and the elements that were clipped all or none.
 */
export function infoOf({ uneven, isUniform = false, ...clip }: Clip, { ofTensor, value }: Arithmetic): Tensors {
  const { tensorNorms, tensorScales, gradientNorm, clipScale } = clip
  if (isUniform) return { ...clip, gradientNormAfter: tf.mul(gradientNorm, clipScale) }
  const tensorNormsAfter = uneven?.tensorNormsAfter ?? tf.mul<Tensor1D>(tensorNorms, tensorScales)
  const after = ofTensor(tf.minimum(tensorNormsAfter, LARGEST_FLOAT))
  return { ...clip, gradientNormAfter: value(after, after.scaled), ...uneven }
}

/** after / before, 1 where both are 0. Norms of one shape. */
export function ratioOf<T extends Tensor>(after: T, before: T): T {
  return tf.where(tf.equal(before, 0), 1, tf.div(after, before)) as T // shape of the norms
}
