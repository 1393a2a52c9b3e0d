import type { Tensor } from '@tensorflow/tfjs-core'
import { tf } from './tensorflow.js'

/** `t` if the scalar condition holds, else `e`. The kernel takes the condition as it is; tf.where would first blow it up to the shape of the tensors. */
export function select(condition: Tensor, t: Tensor, e: Tensor): Tensor {
  return tf.engine().runKernel('Select', { condition, t, e })
}
