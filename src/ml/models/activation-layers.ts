import type { Tensor } from '@tensorflow/tfjs-core'
import type { LayerOf } from '../../contracts/model.js'
import { tf } from '../engine/tensorflow.js'
import { ACTIVATION_FUNCTIONS, leakyRelu, relu, relu6, scaledElu } from './activations.js'
import { masked } from './gradients.js'
import { type Build, weight } from './layer.js'

export const buildActivation: Build<LayerOf<'activation'>> =
  (layer) =>
  (_, [x]) =>
    ACTIVATION_FUNCTIONS[layer.activation](x)

/** x from `threshold` to `maxValue`, negativeSlope · (x − threshold) below, maxValue above; as in Keras, x at the threshold counts as below. */
export const buildRelu: Build<LayerOf<'relu'>> = ({ maxValue, negativeSlope, threshold }) => {
  const above = (x: Tensor): Tensor => {
    if (threshold !== 0) return masked(x, (given) => tf.greater(given, threshold))
    return maxValue === 6 ? relu6(x) : relu(x)
  }
  return (_, [x]) => {
    const isPlain = maxValue === undefined && threshold === 0
    if (isPlain) return negativeSlope === 0 ? relu(x) : leakyRelu(x, negativeSlope)
    const kept = above(x)
    const capped =
      maxValue === undefined || (maxValue === 6 && threshold === 0) ? kept : tf.clipByValue(kept, 0, maxValue)
    return negativeSlope === 0 ? capped : tf.sub(capped, tf.mul(relu(tf.sub(threshold, x)), negativeSlope))
  }
}

export const buildLeakyRelu: Build<LayerOf<'leaky-relu'>> =
  (layer) =>
  (_, [x]) =>
    leakyRelu(x, layer.negativeSlope)

export const buildElu: Build<LayerOf<'elu'>> =
  (layer) =>
  (_, [x]) =>
    scaledElu(x, layer.alpha)

/** max(x, 0) − alpha · max(−x, 0); alpha is broadcast along the axes that share it. @see He et al., "Delving deep into rectifiers", 2015. */
export const buildPrelu: Build<LayerOf<'prelu'>> =
  () =>
  (weights, [x]) =>
    tf.sub(relu(x), tf.mul(weight(weights, 'alpha'), relu(tf.neg(x))))

export const buildSoftmax: Build<LayerOf<'softmax'>> =
  ({ axis }) =>
  (_, [x]) => {
    const place = axis < 0 ? x.rank + axis : axis
    if (place === x.rank - 1) return tf.softmax(x)
    // TensorFlow's softmax goes over the last axis: it changes places with the one that is asked for, there and back.
    const order = x.shape.map((_, index) => (index === place ? x.rank - 1 : index === x.rank - 1 ? place : index))
    return tf.transpose(tf.softmax(tf.transpose(x, order)), order)
  }
