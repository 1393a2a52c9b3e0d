import type { Tensor } from '@tensorflow/tfjs-core'
import type { LayerDescription } from '../../planning/shapes.js'
import type { Tensors } from '../engine/types.js'

/** A layer as a pure function of all weights of the model and its input `x`, whose first axis is the batch. */
export interface BuiltLayer {
  readonly description: LayerDescription
  apply(params: Tensors, x: Tensor): Tensor
}

/** A weight by its full name. */
export function weight(params: Tensors, name: string): Tensor {
  const tensor = params[name]
  if (!tensor) throw new Error(`no weight '${name}' was given`)
  return tensor
}
