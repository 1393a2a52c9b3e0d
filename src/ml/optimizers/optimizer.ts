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

export interface OptimizerOutput {
  readonly params: Tensors
  readonly slots: Tensors
}

/**
 * Pure: new parameters and slots from old ones. A slot named `<param>/<slot>` is shaped like its parameter, and 0 in it stands for a removed
 * weight: it may be multiplied by the mask of the parameter. A slot of another shape, or one that a mask would spoil, is named
 * `<optimizer>.<slot>/<param>` (a layer's name has no dot), one for the whole model `<optimizer>/<slot>`.
 */
export interface Optimizer {
  /** Names and shapes of the slots, all float32. */
  slotShapes(params: Shaped): Shaped
  /** Slots before the first step. */
  init(params: Shaped): StoredTensors
  update(input: OptimizerInput): OptimizerOutput
}

/** `<param>/<slot>`, or `<slot>/<param>` for a slot with a dot in its name: see `Optimizer`. */
function slotOf(param: string, slot: string): string {
  return slot.includes('.') ? `${slot}/${param}` : `${param}/${slot}`
}

/** Slots shaped like each parameter. */
export function slotsLike(params: Shaped, ...slots: readonly string[]): Shaped {
  return Object.fromEntries(
    Object.entries(params).flatMap(([name, { shape }]) =>
      slots.map((slot) => [slotOf(name, slot), { shape }] as const),
    ),
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

/** What a rule makes of one parameter. */
export interface Update<Slot extends string> {
  readonly param: Tensor
  readonly slots: Readonly<Record<Slot, Tensor>>
}

/** Applies `rule` to every parameter; of its slots, it takes and gives those named in `slots`. */
export function updateEach<Slot extends string>(
  input: OptimizerInput,
  slots: readonly Slot[],
  rule: (param: Tensor, grad: Tensor, slots: Readonly<Record<Slot, Tensor>>) => Update<Slot>,
): { params: Record<string, Tensor>; slots: Record<string, Tensor> } {
  const next: { params: Record<string, Tensor>; slots: Record<string, Tensor> } = { params: {}, slots: {} }
  for (const [name, param] of Object.entries(input.params)) {
    const old: Partial<Record<Slot, Tensor>> = {}
    for (const slot of slots) old[slot] = tensorAt(input.slots, slotOf(name, slot))
    const update = rule(param, tensorAt(input.grads, name), old as Record<Slot, Tensor>) // a rule uses the slots that it named
    next.params[name] = update.param
    for (const slot of slots) next.slots[slotOf(name, slot)] = update.slots[slot]
  }
  return next
}

/** @throws Error if the record has no such tensor: the caller passed slots or gradients of another model. */
export function tensorAt(tensors: Tensors, name: string): Tensor {
  const tensor = tensors[name]
  if (tensor === undefined) throw new Error(`there is no tensor ${name}`)
  return tensor
}
