import type { Tensor } from '@tensorflow/tfjs-core'
import type { Tensors } from '../engine/types.js'

export interface TransformationContext {
  readonly params: Tensors
  /** int32 scalar, from 0. */
  readonly step: Tensor
}

/** What a transformation makes of the gradients; `info` holds numbers worth watching, taken at this point of the chain. */
export interface Transformed<S> {
  readonly grads: Tensors
  readonly state: S
  readonly info: Tensors
}

/**
 * A pure function from gradients to gradients with explicit state, composed with `chain`, as in optax.
 * @see Hessel et al., "Optax: composable gradient transformation and optimisation, in JAX", 2020.
 */
export interface GradientTransformation<S> {
  readonly name: string
  init(params: Tensors): S
  update(grads: Tensors, state: S, context: TransformationContext): Transformed<S>
}

/** Applies transformations from left to right; of two `info` entries with one name the later wins. */
export function chain<const S extends readonly unknown[]>(
  ...transformations: { [K in keyof S]: GradientTransformation<S[K]> }
): GradientTransformation<S> {
  return {
    name: transformations.map(({ name }) => name).join(' → '),
    // `map` forgets that it keeps the length and order of the tuple.
    init: (params) => transformations.map((transformation) => transformation.init(params)) as unknown as S,
    update(grads, state, context) {
      let current = grads
      let info: Tensors = {}
      const next = transformations.map((transformation, index) => {
        const result = transformation.update(current, state[index], context)
        current = result.grads
        info = { ...info, ...result.info }
        return result.state
      })
      return { grads: current, state: next as unknown as S, info } // as above
    },
  }
}

/** A transformation that remembers nothing. */
export function stateless(
  name: string,
  update: (grads: Tensors, context: TransformationContext) => { grads: Tensors; info: Tensors },
): GradientTransformation<null> {
  return { name, init: () => null, update: (grads, _, context) => ({ ...update(grads, context), state: null }) }
}
