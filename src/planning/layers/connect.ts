import type { Initializer } from '../../contracts/layers/fields.js'
import type { Layer } from '../../contracts/model.js'
import type { EspalierError } from '../../errors.js'
import type { Shape } from '../shape.js'

/** Name by which layers refer to the examples. */
export const INPUT = 'input'

/** A layer as `expandModel` leaves it: with a name. */
export type Named<L extends Layer = Layer> = L & { readonly name: string }

/** How a weight begins: as a spec says it, or blocks of equal size along the last axis, each filled with its value. */
export type WeightInitializer = Initializer | { readonly kind: 'blocks'; readonly values: readonly number[] }

export interface WeightSpec {
  readonly shape: Shape
  readonly initializer: WeightInitializer
  /** False for moving statistics, which a step sets but no gradient. */
  readonly trainable: boolean
}

/** By short name, such as `kernel`, in the order of Keras. */
export type Weights = Readonly<Record<string, WeightSpec>>

/** What a layer makes of its inputs. */
export interface Connection {
  readonly outputShape: Shape
  readonly weights: Weights
}

/** Makes the error for a layer that does not connect; the name of the layer is put before `detail`. */
export type Reject = (detail: string) => EspalierError

/** @throws what `reject` makes, if the layer cannot take inputs of these shapes. */
export type Connect<L extends Layer> = (
  layer: Named<L>,
  inputs: readonly [Shape, ...Shape[]],
  reject: Reject,
) => Connection
