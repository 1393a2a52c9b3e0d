import type { Tensor } from '@tensorflow/tfjs-core'
import type { Layer } from '../../contracts/model.js'
import type { Named } from '../../planning/layers/connect.js'
import type { LayerDescription } from '../../planning/shapes.js'
import type { Tensors } from '../engine/types.js'

/** What a layer may use while training, and only then. */
export interface Training {
  /** int32 scalar, from 0: with `seed` and the name of the layer it decides what is drawn. */
  readonly step: Tensor
  readonly seed: number
  /** Gives a new value to a weight that is not trained, such as a moving mean. `name` is the full name. */
  setMoment(name: string, value: Tensor): void
}

/** A layer as a pure function of its weights (by short name, such as `kernel`) and inputs, whose first axis is the batch. */
export type Apply = (weights: Tensors, inputs: readonly [Tensor, ...Tensor[]], training: Training | null) => Tensor

/** Makes the function of a layer that has been described, so its inputs are known to fit. */
export type Build<L extends Layer> = (layer: Named<L>, description: LayerDescription) => Apply

/** A weight by its short name. */
export function weight(weights: Tensors, name: string): Tensor {
  const tensor = weights[name]
  if (!tensor) throw new Error(`no weight '${name}' was given`)
  return tensor
}
