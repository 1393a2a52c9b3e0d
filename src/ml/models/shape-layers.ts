import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core'
import type { LayerOf } from '../../contracts/model.js'
import { pair } from '../../planning/shape.js'
import { tf } from '../engine/tensorflow.js'
import { masked, withGradient } from './gradients.js'
import type { Build } from './layer.js'
import { reshaped } from './linear.js'

/** [batch, …] → [batch, outputShape], row-major. */
export const buildReshape: Build<LayerOf<'flatten' | 'reshape'>> =
  (_, { outputShape }) =>
  (_weights, [x]) =>
    reshaped(x, outputShape)

export const buildPermute: Build<LayerOf<'permute'>> =
  ({ dims }) =>
  (_, [x]) =>
    tf.transpose(x, [0, ...dims])

/** [batch, features] → [batch, times, features]. */
export const buildRepeatVector: Build<LayerOf<'repeat-vector'>> =
  ({ times }, { outputShape }) =>
  (_, [x]) =>
    reshaped(repeated(x, [x.shape[0] ?? 1, 1, 1, 1, x.shape[1] ?? 1], [1, times, 1, 1, 1]), outputShape)

type Margins = LayerOf<'cropping2d'>['cropping']
type Sides = readonly [number, number]
function sidesOf(margins: Margins): readonly [Sides, Sides] {
  return typeof margins === 'number'
    ? [
        [margins, margins],
        [margins, margins],
      ]
    : margins
}

export const buildZeroPadding2d: Build<LayerOf<'zero-padding2d'>> = ({ padding }) => {
  const [[top, bottom], [left, right]] = sidesOf(padding)
  return (_, [x]) =>
    tf.pad(x, [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ])
}

export const buildCropping2d: Build<LayerOf<'cropping2d'>> = ({ cropping }, { outputShape }) => {
  const [[top], [left]] = sidesOf(cropping)
  return (_, [x]) => tf.slice(x, [0, top, left, 0], [x.shape[0] ?? 1, ...outputShape])
}

/** Each step repeated `size` times: [batch, time, channels] → [batch, time · size, channels]. */
export const buildUpSampling1d: Build<LayerOf<'up-sampling1d'>> =
  ({ size }, { outputShape }) =>
  (_, [x]) => {
    const [batch = 1, time = 1, channels = 1] = x.shape
    return reshaped(repeated(x, [batch, 1, time, 1, channels], [1, 1, 1, size, 1]), outputShape)
  }

/** `nearest` repeats pixels; `bilinear` interpolates between their centres. */
export const buildUpSampling2d: Build<LayerOf<'up-sampling2d'>> = ({ size, interpolation }, { outputShape }) => {
  const [down, right] = pair(size)
  const [outputHeight = 1, outputWidth = 1] = outputShape
  return (_, [x]) => {
    // Planning has checked that the input is an image.
    if (interpolation === 'bilinear')
      return tf.image.resizeBilinear(x as Tensor4D, [outputHeight, outputWidth], false, true)
    const [batch = 1, height = 1, width = 1, channels = 1] = x.shape
    const pixels = repeated(x, [batch * height, 1, width, 1, channels], [1, down, 1, right, 1])
    return tf.reshape(pixels, [batch, ...outputShape])
  }
}

/** x as `shape`, repeated along each axis of extent 1 as often as `times` says; tfjs's gradient of tile is a loop over slices. */
function repeated(x: Tensor, shape: number[], times: number[]): Tensor {
  const axes = times.flatMap((count, axis) => (count > 1 ? [axis] : []))
  const single = tf.reshape(x, shape)
  if (axes.length === 0) return single
  return withGradient(
    single,
    (given) => ({ y: tf.tile(given, times), saved: [] }),
    (dy) => tf.sum(dy, axes, true),
  )
}

/** Steps whose every feature is `maskValue` become 0. x [batch, time, features]. */
export const buildMasking: Build<LayerOf<'masking'>> =
  ({ maskValue }) =>
  (_, [x]) =>
    masked(x, (given) => tf.any(tf.notEqual(given, maskValue), -1, true))
