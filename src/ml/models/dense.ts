import type { Tensor2D } from '@tensorflow/tfjs-core'
import type { LayerOf } from '../../contracts/model.js'
import { biasOf, kernelOf, type LayerDescription } from '../../planning/shapes.js'
import { tf } from '../engine/tensorflow.js'
import { ACTIVATION_FUNCTIONS } from './activations.js'
import { type BuiltLayer, weight } from './layer.js'

/** y = activation(x · kernel + bias): x [batch, inputs], kernel [inputs, units], y [batch, units]. */
export function buildDense(layer: LayerOf<'dense'>, description: LayerDescription): BuiltLayer {
  const { name } = description
  return {
    description,
    apply(params, x) {
      // Planning has checked that the input is [features].
      const product = tf.matMul(x as Tensor2D, weight(params, kernelOf(name)) as Tensor2D)
      const sum = layer.useBias ? tf.add(product, weight(params, biasOf(name))) : product
      return ACTIVATION_FUNCTIONS[layer.activation](sum)
    },
  }
}
