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
  /** int32 scalar, from 0. */
  readonly step: Tensor
}

/** Pure: new parameters and slots from old ones. */
export interface Optimizer {
  /** Slots before the first step; per-parameter slots are named `<param>/<slot>`. */
  init(params: Readonly<Record<string, { readonly shape: readonly number[] }>>): StoredTensors
  update(input: OptimizerInput): { readonly params: Tensors; readonly slots: Tensors }
}

/** Zeros shaped like each parameter, named `<param>/<slot>`. */
export function zeroSlots(
  params: Readonly<Record<string, { readonly shape: readonly number[] }>>,
  ...slots: readonly string[]
): StoredTensors {
  return Object.fromEntries(
    Object.entries(params).flatMap(([name, { shape }]) =>
      slots.map((slot) => {
        const size = shape.reduce((product, extent) => product * extent, 1)
        return [`${name}/${slot}`, { type: 'float32', shape: [...shape], values: new Float32Array(size) }] as const
      }),
    ),
  )
}

/** @throws Error if the record has no such tensor: the caller passed slots or gradients of another model. */
export function tensorAt(tensors: Tensors, name: string): Tensor {
  const tensor = tensors[name]
  if (tensor === undefined) throw new Error(`there is no tensor ${name}`)
  return tensor
}
