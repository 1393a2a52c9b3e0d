import type { Tensor } from '@tensorflow/tfjs-core'
import type { StoredTensors } from '../../formats/safetensors.js'
import type { Tensors } from '../engine/types.js'
import type { Shaped } from '../optimizers/optimizer.js'

export interface TransformationContext {
  /** The weights that the gradients belong to: same names, shapes and order. */
  readonly params: Tensors
  /** float32 scalar: the threshold of the mode at this step, see `thresholdAt`. */
  readonly threshold: Tensor
}

/** What a transformation makes of the gradients; `info` holds numbers worth watching. */
export interface Transformed {
  readonly grads: Tensors
  /** Every entry of the state, changed or not. */
  readonly state: Tensors
  readonly info: Tensors
}

/**
 * A pure function from gradients to gradients with explicit state: named float32 tensors that lie in the session and the checkpoint.
 * @see Hessel et al., "Optax: composable gradient transformation and optimisation, in JAX", 2020.
 */
export interface GradientTransformation {
  readonly name: string
  /** Names, all with the prefix `clipping/`, and shapes of its state. */
  stateShapes(params: Shaped): Shaped
  /** The state before the first step. */
  init(params: Shaped): StoredTensors
  update(grads: Tensors, state: Tensors, context: TransformationContext): Transformed
}

/** A transformation that remembers nothing. */
export function stateless(
  name: string,
  update: (grads: Tensors, context: TransformationContext) => { grads: Tensors; info: Tensors },
): GradientTransformation {
  return {
    name,
    stateShapes: () => ({}),
    init: () => ({}),
    update: (grads, _, context) => ({ ...update(grads, context), state: {} }),
  }
}
