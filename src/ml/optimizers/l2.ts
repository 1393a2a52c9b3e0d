import { tf } from '../engine/tensorflow.js'
import type { Tensors } from '../engine/types.js'
import { isPenalized } from './weight-decay.js'

/** Coupled L2 penalty: g ← g + l2 · w for kernels and embeddings; biases are left alone. Applied after clipping. */
export function addL2(grads: Tensors, params: Tensors, l2: number): Tensors {
  if (l2 === 0) return grads
  return Object.fromEntries(
    Object.entries(grads).map(([name, grad]) => {
      const param = params[name]
      return [name, isPenalized(name) && param !== undefined ? tf.add(grad, tf.mul(param, l2)) : grad]
    }),
  )
}
