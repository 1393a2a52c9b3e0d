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
