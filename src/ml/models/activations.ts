import type { Tensor } from '@tensorflow/tfjs-core'
import type { ActivationName } from '../../contracts/model.js'
import { tf } from '../engine/tensorflow.js'

/** `softmax` goes over the last axis. */
export const ACTIVATION_FUNCTIONS = {
  linear: (x) => x,
  relu: (x) => tf.relu(x),
  sigmoid: (x) => tf.sigmoid(x),
  tanh: (x) => tf.tanh(x),
  softmax: (x) => tf.softmax(x),
} as const satisfies Record<ActivationName, (x: Tensor) => Tensor>
