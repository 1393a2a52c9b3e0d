import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'
import type { Tensors } from '../engine/types.js'
import { globalNorm, LARGEST_FLOAT, positive } from './norms.js'

/** What a mode that gives elements of one tensor different factors says of each tensor. [tensors] */
export interface Uneven {
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
  /** All tensors have the factor `clipScale`: then nothing has to be computed for the joint figures. */
  readonly isUniform?: boolean
}

/**
 * The `info` of every clipping mode, all float32; L2 norms, tensors in the order of the record.
 * - `gradientNorm`: of all gradients before clipping; NaN exactly if one of them is NaN or infinite. `gradientNormAfter`: the same after.
 * - `clipScale`: the smallest factor applied to a tensor (1 = untouched), to a unit for `adaptive`; for `value` the ratio of the norms.
 * - `clipped`: 1 if clipping changed anything, else 0.
 * - `cosine`: between all raw and all clipped gradients, in [0, 1]; 1 where one of them is 0.
 * - `threshold`: the one in force at this step; 0 where there is none.
 * - `tensorNorms` [tensors], before clipping, and `tensorScales` [tensors], ratio of the norms after and before.
 * - `tensorNormsAfter`, `tensorCosines`, `tensorClipped` [tensors], only for `value` and `adaptive`; for the others the norms after
 *   clipping are tensorNorms · tensorScales, the cosines 1, and the elements that were clipped all or none.
 */
export function infoOf({ uneven, isUniform = false, ...clip }: Clip): Tensors {
  const { tensorNorms, tensorScales, gradientNorm, clipScale } = clip
  const joint = isUniform
    ? { gradientNormAfter: tf.mul(gradientNorm, clipScale), cosine: tf.scalar(1) }
    : jointFigures(tensorNorms, uneven?.tensorNormsAfter ?? tf.mul(tensorNorms, tensorScales), uneven?.tensorCosines)
  return { ...clip, ...joint, ...uneven }
}

/** Norm after clipping and cosine of all tensors from those of each. Divided by the largest norm, nothing overflows. */
function jointFigures(before: Tensor1D, after: Tensor1D, cosines?: Tensor1D) {
  const a = tf.div(before, positive(tf.max(before)))
  const b = tf.div(after, positive(tf.max(after)))
  const products = cosines === undefined ? tf.mul(a, b) : tf.mul(tf.mul(a, b), cosines)
  const lengths = tf.sqrt(tf.mul(tf.sum(tf.square(a)), tf.sum(tf.square(b))))
  const cosine = tf.minimum(tf.div(tf.sum(products), positive(lengths)), 1)
  return {
    gradientNormAfter: globalNorm({ after: tf.minimum(after, LARGEST_FLOAT) }, 2),
    cosine: tf.where(tf.equal(lengths, 0), 1, cosine),
  }
}

/** after / before, 1 where both are 0. Norms of one shape. */
export function ratioOf<T extends Tensor>(after: T, before: T): T {
  return tf.where(tf.equal(before, 0), 1, tf.div(after, before)) as T // shape of the norms
}
