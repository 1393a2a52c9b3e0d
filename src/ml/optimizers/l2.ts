import { tf } from '../engine/tensorflow.js'
import type { Tensors } from '../engine/types.js'

/** Coupled L2 penalty: g ← g + l2 · w for kernels (names that end in `/kernel`); biases are left alone. Applied after clipping. */
export function addL2(grads: Tensors, params: Tensors, l2: number): Tensors {
  if (l2 === 0) return grads
  return Object.fromEntries(
    Object.entries(grads).map(([name, grad]) => {
      const param = params[name]
      const isKernel = name.endsWith('/kernel') && param !== undefined
      return [name, isKernel ? tf.add(grad, tf.mul(param, l2)) : grad]
    }),
  )
}
