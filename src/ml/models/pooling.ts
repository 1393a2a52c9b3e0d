import type { Tensor, Tensor4D, Tensor5D } from '@tensorflow/tfjs-core'
import type { LayerOf } from '../../contracts/model.js'
import { pair } from '../../planning/shape.js'
import { tf } from '../engine/tensorflow.js'
import { withGradient } from './gradients.js'
import type { Build } from './layer.js'
import { reshaped } from './linear.js'

/** Largest or mean value of each window, channel by channel; padding is not counted in a mean. x [batch, time, channels]. */
export const buildPooling1d: Build<LayerOf<'max-pooling1d' | 'average-pooling1d'>> = (layer, { outputShape }) => {
  const { poolSize, strides = poolSize, padding } = layer
  const pool = layer.type === 'max-pooling1d' ? tf.maxPool : tf.avgPool
  return (_, [x]) => {
    const row = reshaped(x, [1, ...x.shape.slice(1)]) as Tensor4D
    return reshaped(pool(row, [1, poolSize], [1, strides], padding), outputShape)
  }
}

/** The same for x [batch, height, width, channels]. */
export const buildPooling2d: Build<LayerOf<'max-pooling2d' | 'average-pooling2d'>> = (layer) => {
  const size: [number, number] = [...pair(layer.poolSize)]
  const strides: [number, number] = [...pair(layer.strides ?? layer.poolSize)]
  const pool = layer.type === 'max-pooling2d' ? tf.maxPool : tf.avgPool
  // Planning has checked that the input is an image.
  return (_, [x]) => pool(x as Tensor4D, size, strides, layer.padding)
}

/** The same for x [batch, depth, height, width, channels]. */
export const buildPooling3d: Build<LayerOf<'max-pooling3d'>> = ({ poolSize, strides = poolSize, padding }) => {
  // Planning has checked that the input is a volume.
  return (_, [x]) => tf.maxPool3d(x as Tensor5D, poolSize, strides, padding)
}

const positionsOf = (x: Tensor): number[] => x.shape.slice(1, -1).map((_, index) => index + 1)

/** [batch, …, channels] → [batch, channels]. */
export const buildGlobalAveragePooling: Build<LayerOf<'global-average-pooling'>> =
  () =>
  (_, [x]) =>
    tf.mean(x, positionsOf(x))

/** [batch, …, channels] → [batch, channels]. Positions that tie for the largest value share its gradient, as in TensorFlow. */
export const buildGlobalMaxPooling: Build<LayerOf<'global-max-pooling'>> =
  () =>
  (_, [x]) => {
    const positions = positionsOf(x)
    const y = withGradient(
      x,
      () => {
        const largest = tf.max(x, positions, true)
        return { y: largest, saved: [x, largest] }
      },
      (dy, given = dy, largest = dy) => {
        const winners = tf.cast(tf.equal(given, largest), 'float32')
        return tf.mul(winners, tf.div(dy, tf.sum(winners, positions, true)))
      },
    )
    return reshaped(y, x.shape.slice(-1))
  }
