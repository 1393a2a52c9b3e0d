import type { Tensor4D } from '@tensorflow/tfjs-core'
import type { LayerOf } from '../../contracts/model.js'
import { biasOf, kernelOf, type LayerDescription, pair } from '../../planning/shapes.js'
import { tf } from '../engine/tensorflow.js'
import { ACTIVATION_FUNCTIONS } from './activations.js'
import { type BuiltLayer, weight } from './layer.js'

/** Cross-correlation, channels last: x [batch, height, width, in], kernel [height, width, in, out]. */
export function buildConv2d(layer: LayerOf<'conv2d'>, description: LayerDescription): BuiltLayer {
  const { name } = description
  const strides: [number, number] = [...pair(layer.strides)]
  return {
    description,
    apply(params, x) {
      // Planning has checked that the input is an image.
      const product = tf.conv2d(x as Tensor4D, weight(params, kernelOf(name)) as Tensor4D, strides, layer.padding)
      const sum = layer.useBias ? tf.add(product, weight(params, biasOf(name))) : product
      return ACTIVATION_FUNCTIONS[layer.activation](sum)
    },
  }
}
