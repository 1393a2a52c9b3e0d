import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core'
import { FLOAT32, INT32 } from '../engine/binding.js'
import { bool, operation, type } from '../engine/raw-operation.js'
import { tf } from '../engine/tensorflow.js'
import { type Arithmetic, exact } from './arithmetic.js'
import { LARGE, largestOf, total } from './norms.js'

/** Bounds below it may be passed by elements that quick arithmetic takes for 0. */
export const LEAST_QUICK_BOUND = 1 / LARGE

/**
 * The arithmetic of usual gradients: squares are added up as they are, in one pass, and shortening is one multiplication. It holds where the norm
 * of all gradients lies in [2⁻⁴⁰, 2⁴⁰] and no bound is below 2⁻⁴⁰: then no square overflows, a factor is a normal float, and elements whose
 * squares underflow are below 2⁻²³ of the norm. Elsewhere, and for zero gradients, the witness is NaN.
 * @param xla Compiled by XLA: what is fast depends on that.
 */
export function makeQuick(xla: boolean): Arithmetic {
  const norm = xla ? normByColumns : (tensor: Tensor) => euclideanNorm(tensor, allAxes(tensor), false) as Scalar // all axes
  return {
    joint(tensors, p) {
      if (p !== 2) return exact.joint(tensors, p)
      const scaledEach = tf.stack(tensors.map(norm)) as Tensor1D // stacks scalars
      return { unit: tf.scalar(1), scaled: norm(scaledEach), scaledEach }
    },
    ofTensor: (tensor) => ({ unit: tf.scalar(1), scaled: norm(tensor) }),
    over: (tensor, axes) => ({
      unit: tf.scalar(1),
      scaled: xla ? tf.sqrt(tf.sum(tf.square(tensor), [...axes], true)) : euclideanNorm(tensor, axes, true),
    }),
    largest: largestOf,
    // Both sums are made in the same order, and rounding is monotone: never more after than before, and the same if nothing was limited.
    exceeds: ({ before, after }) => tf.greater(before.scaled, after.scaled),
    value: (_, scaled) => scaled,
    witness(norm) {
      const holds = tf.logicalAnd(tf.greaterEqual(norm, 1 / LARGE), tf.lessEqual(norm, LARGE))
      return tf.where(holds, norm, Number.NaN) as Scalar // shape of the norm
    },
    factors({ scaled }, bound) {
      const exceeds = tf.greater(scaled, bound)
      // All have the shape of the norms.
      const scale = tf.where(exceeds, tf.div(bound, scaled), 1) as typeof scaled
      const clipped = tf.cast(exceeds, 'float32') as typeof scaled
      return { scale, first: scale, divisor: tf.onesLike(scale), clipped }
    },
    shorten: (grad, { first }) => tf.mul(grad, first),
  }
}

/** √Σx² over `axes`: reads the tensor once and writes no squares, where tf.norm makes three passes. Under XLA it is one long chain of additions. */
function euclideanNorm(tensor: Tensor, axes: readonly number[], keepDims: boolean): Tensor {
  const attributes = [type('T', FLOAT32), type('Tidx', INT32), bool('keep_dims', keepDims)]
  return operation('EuclideanNorm', attributes, [tensor, tf.tensor1d([...axes], 'int32')])
}

function normByColumns(tensor: Tensor): Scalar {
  return tf.sqrt(total(tf.square(tensor))) as Scalar // a root of a scalar
}

function allAxes({ shape }: Tensor): number[] {
  return shape.map((_, axis) => axis)
}
