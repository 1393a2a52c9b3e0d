import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import type { LayerOf } from '../../contracts/model.js'
import { sizeOf } from '../../planning/shape.js'
import { tf } from '../engine/tensorflow.js'
import { withGradient } from './gradients.js'
import { type Build, weight } from './layer.js'
import { finish, reshaped } from './linear.js'

/** y = activation(x · kernel + bias) over the last axis: x [batch, …, inputs], kernel [inputs, units], y [batch, …, units]. */
export const buildDense: Build<LayerOf<'dense'>> = (layer, { outputShape }) => {
  return (weights, [x]) => {
    const kernel = weight(weights, 'kernel')
    const rows = x.rank === 2 ? x : tf.reshape(x, [-1, x.shape.at(-1) ?? 1])
    const y = finish(layer, weights, tf.matMul(rows as Tensor2D, kernel as Tensor2D)) // rows and kernel of rank 2
    return x.rank === 2 ? y : reshaped(y, outputShape, x.shape[0])
  }
}

/** Rows of embeddings [ids, outputSize] by id; x [batch, time] → [batch, time, outputSize]. An id that occurs often sums its gradients. */
export const buildEmbedding: Build<LayerOf<'embedding'>> = (layer, { outputShape }) => {
  return (weights, [x]) => {
    const ids = tf.reshape(tf.cast(x, 'int32'), [-1]) as Tensor1D
    const table = weight(weights, 'embeddings')
    const rows = withGradient(
      table,
      () => ({ y: tf.gather(table, ids), saved: [ids] }),
      (dy, kept = ids) => tf.unsortedSegmentSum(dy, kept as Tensor1D, layer.inputSize),
    )
    return tf.reshape(rows, [sizeOf(x.shape) / (outputShape[0] ?? 1), ...outputShape])
  }
}
