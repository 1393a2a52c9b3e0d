import type { Tensor } from '@tensorflow/tfjs-core'
import type { LayerOf } from '../../contracts/model.js'
import { drawNormal, drawUniform } from '../engine/random.js'
import { tf } from '../engine/tensorflow.js'
import type { Build, Training } from './layer.js'

/** 1 / (1 − rate) where a number is kept, 0 where it is dropped. */
function keptShare(shape: readonly number[], rate: number, name: string, { seed, step }: Training): Tensor {
  const drawn = drawUniform(shape, { seed, step, name })
  return tf.mul(tf.cast(tf.greaterEqual(drawn, rate), 'float32'), 1 / (1 - rate))
}

/** While training each number is dropped with probability `rate`. @see Srivastava et al., "Dropout", 2014. */
export const buildDropout: Build<LayerOf<'dropout'>> =
  ({ rate }, { name }) =>
  (_, [x], training) =>
    training === null || rate === 0 ? x : tf.mul(x, keptShare(x.shape, rate, name, training))

/** While training each channel of an example is dropped as a whole. @see Tompson et al., "Efficient object localization", 2015. */
export const buildSpatialDropout: Build<LayerOf<'spatial-dropout'>> =
  ({ rate }, { name }) =>
  (_, [x], training) => {
    if (training === null || rate === 0) return x
    const shape = x.shape.map((extent, axis) => (axis === 0 || axis === x.rank - 1 ? extent : 1))
    return tf.mul(x, keptShare(shape, rate, name, training))
  }

/** While training: x + N(0, deviation²). */
export const buildGaussianNoise: Build<LayerOf<'gaussian-noise'>> =
  ({ deviation }, { name }) =>
  (_, [x], training) => {
    if (training === null || deviation === 0) return x
    const { seed, step } = training
    return tf.add(x, tf.mul(drawNormal(x.shape, { seed, step, name }), deviation))
  }

/** While training: x · N(1, rate / (1 − rate)), with mean and variance of dropout. */
export const buildGaussianDropout: Build<LayerOf<'gaussian-dropout'>> =
  ({ rate }, { name }) =>
  (_, [x], training) => {
    if (training === null || rate === 0) return x
    const { seed, step } = training
    const drawn = tf.mul(drawNormal(x.shape, { seed, step, name }), Math.sqrt(rate / (1 - rate)))
    return tf.mul(x, tf.add(drawn, 1))
  }
