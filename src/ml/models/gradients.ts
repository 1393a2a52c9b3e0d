import type { Tensor } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'

type Gradient = (dy: Tensor, ...saved: Tensor[]) => Tensor

/**
 * A function of one tensor with a gradient of its own. `forward` gives the output and what the gradient needs of it; `backward` makes
 * ∂L/∂x of ∂L/∂y and that.
 */
export function withGradient(
  x: Tensor,
  forward: (x: Tensor) => { readonly y: Tensor; readonly saved: Tensor[] },
  backward: Gradient,
): Tensor {
  return withGradients(
    [x],
    () => forward(x),
    (dy, saved) => [backward(dy, ...saved)],
  )
}

/** The same for several inputs, with a gradient for each, in their order. */
export function withGradients(
  inputs: readonly Tensor[],
  forward: () => { readonly y: Tensor; readonly saved: Tensor[] },
  backward: (dy: Tensor, saved: readonly Tensor[]) => Tensor[],
): Tensor {
  const apply = tf.customGrad((...given) => {
    // The last argument of a function with a gradient keeps tensors for it; the types of tfjs count it among the inputs.
    const save = given.at(-1) as unknown as (tensors: Tensor[]) => void
    const { y, saved } = forward()
    save(saved)
    return { value: y, gradFunc: (dy: Tensor, kept: Tensor[]) => backward(dy, kept) }
  })
  return apply(...inputs)
}

/** x · mask(x), where the mask has no gradient: tfjs finds none for comparisons. */
export function masked(x: Tensor, maskOf: (x: Tensor) => Tensor): Tensor {
  return withGradient(
    x,
    () => {
      const mask = tf.cast(maskOf(x), 'float32')
      return { y: tf.mul(x, mask), saved: [mask] }
    },
    (dy, mask = dy) => tf.mul(dy, mask),
  )
}
