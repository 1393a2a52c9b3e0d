import type { Tensor, Tensor5D } from '@tensorflow/tfjs-core'
import type { LayerOf } from '../../contracts/model.js'
import { triple } from '../../planning/layers/window.js'
import { pair } from '../../planning/shape.js'
import { tf } from '../engine/tensorflow.js'
import { convolve, convolveDepthwise, convolveGroups, convolveTransposed, type Movement } from './convolve.js'
import { type Build, weight } from './layer.js'
import { finish, reshaped } from './linear.js'

type Moving2d = Pick<LayerOf<'conv2d'>, 'strides' | 'dilation' | 'padding'>
const movementOf = ({ strides, dilation, padding }: Moving2d): Movement => ({
  strides: pair(strides),
  dilation: pair(dilation),
  padding,
})

/** x [batch, time, in], kernel [time, in / groups, out]. `causal` puts (taps − 1) · dilation zeros before the first step. */
export const buildConv1d: Build<LayerOf<'conv1d'>> = (layer, { outputShape }) => {
  const { kernelSize, strides, dilation, padding, groups } = layer
  const movement: Movement = {
    strides: [1, strides],
    dilation: [1, dilation],
    padding: padding === 'same' ? 'same' : 'valid',
  }
  return (weights, [x]) => {
    const before = padding === 'causal' ? (kernelSize - 1) * dilation : 0
    const padded =
      before === 0
        ? x
        : tf.pad(x, [
            [0, 0],
            [before, 0],
            [0, 0],
          ])
    const row = reshaped(padded, [1, ...padded.shape.slice(1)])
    const kernel = weight(weights, 'kernel')
    const taps = tf.reshape(kernel, [1, ...kernel.shape])
    return reshaped(finish(layer, weights, convolveGroups(row, taps, movement, groups)), outputShape)
  }
}

/** x [batch, height, width, in], kernel [height, width, in / groups, out]. */
export const buildConv2d: Build<LayerOf<'conv2d'>> = (layer) => {
  const movement = movementOf(layer)
  return (weights, [x]) => finish(layer, weights, convolveGroups(x, weight(weights, 'kernel'), movement, layer.groups))
}

/** x [batch, depth, height, width, in], kernel [depth, height, width, in, out]. */
export const buildConv3d: Build<LayerOf<'conv3d'>> = (layer) => {
  const strides: [number, number, number] = [...triple(layer.strides)]
  return (weights, [x]) => {
    // Of five axes each, as planning has seen to.
    const kernel = weight(weights, 'kernel') as Tensor5D
    return finish(layer, weights, tf.conv3d(x as Tensor5D, kernel, strides, layer.padding))
  }
}

/** x [batch, height, width, in], depthwise-kernel [height, width, in, multiplier]. */
export const buildDepthwiseConv2d: Build<LayerOf<'depthwise-conv2d'>> = (layer) => {
  const movement = movementOf(layer)
  return (weights, [x]) => finish(layer, weights, convolveDepthwise(x, weight(weights, 'depthwise-kernel'), movement))
}

/** A depthwise convolution, then pointwise-kernel [1, 1, in · multiplier, out]. */
export const buildSeparableConv2d: Build<LayerOf<'separable-conv2d'>> = (layer) => {
  const movement = movementOf(layer)
  const pointwise: Movement = { strides: [1, 1], dilation: [1, 1], padding: 'valid' }
  return (weights, [x]) => {
    const channels = convolveDepthwise(x, weight(weights, 'depthwise-kernel'), movement)
    return finish(layer, weights, convolve(channels, weight(weights, 'pointwise-kernel'), pointwise))
  }
}

/** x [batch, height, width, in], kernel [height, width, out, in]. */
export const buildConv2dTranspose: Build<LayerOf<'conv2d-transpose'>> = (layer, { outputShape }) => {
  const movement = movementOf({ ...layer, dilation: 1 })
  const apply = (x: Tensor, kernel: Tensor) =>
    convolveTransposed(x, kernel, [x.shape[0] ?? 1, ...outputShape], movement)
  return (weights, [x]) => finish(layer, weights, apply(x, weight(weights, 'kernel')))
}
