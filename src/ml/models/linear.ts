import type { Tensor } from '@tensorflow/tfjs-core'
import type { ActivationName } from '../../contracts/layers/fields.js'
import { FLOAT32 } from '../engine/binding.js'
import { operation, text, type } from '../engine/raw-operation.js'
import { tf } from '../engine/tensorflow.js'
import type { Tensors } from '../engine/types.js'
import { ACTIVATION_FUNCTIONS } from './activations.js'
import { withGradients } from './gradients.js'
import { weight } from './layer.js'

/** x + bias along the last axis; its gradient is one operation. */
export function addBias(x: Tensor, bias: Tensor): Tensor {
  const attributes = [type('T', FLOAT32), text('data_format', 'NHWC')]
  return withGradients(
    [x, bias],
    () => ({ y: tf.add(x, bias), saved: [] }),
    (dy) => [dy, operation('BiasAddGrad', attributes, [dy])],
  )
}

/** activation(x + bias), without a bias if the layer has none. */
export function finish(
  layer: { readonly useBias: boolean; readonly activation: ActivationName },
  weights: Tensors,
  x: Tensor,
): Tensor {
  return ACTIVATION_FUNCTIONS[layer.activation](layer.useBias ? addBias(x, weight(weights, 'bias')) : x)
}

/** [batch, …] with other extents after the batch. */
export function reshaped(x: Tensor, shape: readonly number[], batch = x.shape[0] ?? 1): Tensor {
  return tf.reshape(x, [batch, ...shape])
}
