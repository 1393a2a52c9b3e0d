import type { Tensor } from '@tensorflow/tfjs-core'
import type { StoredTensors } from '../../formats/safetensors.js'
import type { Tensors } from '../engine/types.js'

export interface OptimizerInput {
  readonly params: Tensors
  /** Same names and shapes as `params`. */
  readonly grads: Tensors
  readonly slots: Tensors
  /** float32 scalar. */
  readonly learningRate: Tensor
}

/** Anything that has a shape, by name: parameters, or just what is known of them. */
export type Shaped = Readonly<Record<string, { readonly shape: readonly number[] }>>

/** Pure: new parameters and slots from old ones. */
export interface Optimizer {
  /** Names and shapes of the slots, all float32; per-parameter slots are named `<param>/<slot>`. */
  slotShapes(params: Shaped): Shaped
  /** Slots before the first step. */
  init(params: Shaped): StoredTensors
  update(input: OptimizerInput): { readonly params: Tensors; readonly slots: Tensors }
}

/** Slots shaped like each parameter, named `<param>/<slot>`. */
export function slotsLike(params: Shaped, ...slots: readonly string[]): Shaped {
  return Object.fromEntries(
    Object.entries(params).flatMap(([name, { shape }]) => slots.map((slot) => [`${name}/${slot}`, { shape }] as const)),
  )
}

/** float32 tensors of these names and shapes, filled with one value. */
export function filled(shapes: Shaped, value: number): StoredTensors {
  return Object.fromEntries(
    Object.entries(shapes).map(([name, { shape }]) => {
      const size = shape.reduce((product, extent) => product * extent, 1)
      return [name, { type: 'float32', shape: [...shape], values: new Float32Array(size).fill(value) }] as const
    }),
  )
}

/** @throws Error if the record has no such tensor: the caller passed slots or gradients of another model. */
export function tensorAt(tensors: Tensors, name: string): Tensor {
  const tensor = tensors[name]
  if (tensor === undefined) throw new Error(`there is no tensor ${name}`)
  return tensor
}
