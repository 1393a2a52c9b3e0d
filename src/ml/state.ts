import type { StoredTensors } from '../formats/safetensors.js'
import type { PlannedSpec } from '../planning/planned-spec.js'
import type { Shape } from '../planning/shape.js'
import type { Tensors } from './engine/types.js'
import type { Model } from './models/model.js'
import { averagedParams, emaOf, emaShapes, initialEma } from './optimizers/ema.js'
import { makeOptimizer } from './optimizers/make-optimizer.js'
import { filled, type Shaped, tensorAt } from './optimizers/optimizer.js'
import { makeClipping } from './transforms/clipping.js'

/** Name of the mask of a pruned weight, in the state: float32, 1 = kept, 0 = removed. */
export const maskOf = (param: string): string => `${param}/mask`
/** The loss among what the mini-batches of an update add up to; no weight is called so. */
export const LOSS = 'loss'
/**
 * Name of what the mini-batches of an update have made of this so far: of a weight the sum of its gradients, of `LOSS` that of the losses, of a
 * moving statistic its next value. The first mini-batch of an update does not look at it.
 */
export const accumulatedOf = (name: string): string => `${name}/accumulated`

/** Name of −Σ w · g over the steps so far, of a weight that is pruned by criterion `movement`. */
export const movementOf = (param: string): string => `${param}/movement`
/** Name of the value that a weight, or a moving statistic, goes back to after a mask update. */
export const rewindOf = (name: string): string => `${name}/rewind`

/** The parts of a job that its steps are made of. */
export interface StepParts {
  readonly spec: PlannedSpec
  readonly model: Model
  /** Names of the weights that have a mask. */
  readonly pruned: readonly string[]
}

/** What training changes, before the first step: the weights that are given, else those drawn by the seed, optimizer slots, averages, clip state, masks of ones. */
export function initialState({ spec, model, pruned }: StepParts, given: StoredTensors | null = null): StoredTensors {
  const weights = given ?? model.initialize(spec.seed)
  const params = Object.fromEntries(Object.entries(weights).filter(([name]) => name in model.parameters))
  return {
    ...weights,
    ...makeOptimizer(spec.optimizer).init(params),
    ...(spec.optimizer.ema ? initialEma(params) : {}),
    ...makeClipping(spec.clipping, params).init(params),
    ...filled(maskShapes(model, pruned), 1),
    ...filled(movementShapes({ spec, model, pruned }), 0),
    ...(spec.pruning?.rewind ? renamed(weights, rewindOf) : {}),
  }
}

/** Names and shapes of what `initialState` draws, all float32. */
export function stateShapes({ spec, model, pruned }: StepParts): Shaped {
  const params = shaped(model.parameters)
  return {
    ...params,
    ...shaped(model.moments),
    ...makeOptimizer(spec.optimizer).slotShapes(params),
    ...(spec.optimizer.ema ? emaShapes(params) : {}),
    ...makeClipping(spec.clipping, params).stateShapes(params),
    ...maskShapes(model, pruned),
    ...movementShapes({ spec, model, pruned }),
    ...(spec.pruning?.rewind ? renamed({ ...params, ...shaped(model.moments) }, rewindOf) : {}),
  }
}

/** State that means nothing between two updates, and so is in no checkpoint. */
export function passingState({ spec, model }: StepParts): StoredTensors {
  if (spec.optimizer.accumulateSteps === 1) return {}
  const shapes = { [LOSS]: [], ...model.parameters, ...model.moments }
  const names = Object.entries(shapes).map(([name, shape]) => [accumulatedOf(name), { shape }] as const)
  return filled(Object.fromEntries(names), 0)
}

/** The weights that evaluation and export use: the averages over the steps where the spec asks for them, and moving statistics. */
export function finalWeights({ spec, model }: StepParts, state: Tensors): Tensors {
  const moments = Object.fromEntries(Object.keys(model.moments).map((name) => [name, tensorAt(state, name)]))
  const names = Object.keys(model.parameters)
  if (spec.optimizer.ema) return { ...averagedParams(state, names), ...moments }
  return { ...Object.fromEntries(names.map((name) => [name, tensorAt(state, name)])), ...moments }
}

/** Of `state`, what `finalWeights` takes, by the names of the model: for the host. */
export function deliveredWeights({ spec, model }: StepParts, state: StoredTensors): StoredTensors {
  const nameOf = spec.optimizer.ema ? emaOf : (name: string) => name
  const names = [
    ...Object.keys(model.parameters).map((name) => [name, nameOf(name)] as const),
    ...Object.keys(model.moments).map((name) => [name, name] as const),
  ]
  return Object.fromEntries(
    names.flatMap(([name, stored]) => {
      const value = state[stored]
      return value ? [[name, value]] : []
    }),
  )
}

/** Optimizer slots and averages that belong to the parameter and are shaped like it, and so are masked with it. */
export function slotsOf(param: string, state: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(state).filter((name) => name.startsWith(`${param}/`) && name !== maskOf(param))
}

export function shaped(shapes: Readonly<Record<string, Shape>>): Shaped {
  return Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, { shape }]))
}

function maskShapes(model: Model, pruned: readonly string[]): Shaped {
  return Object.fromEntries(pruned.map((name) => [maskOf(name), { shape: model.parameters[name] ?? [] }]))
}

function movementShapes({ spec, model, pruned }: StepParts): Shaped {
  if (spec.pruning?.criterion !== 'movement') return {}
  return Object.fromEntries(pruned.map((name) => [movementOf(name), { shape: model.parameters[name] ?? [] }]))
}

function renamed<T>(record: Readonly<Record<string, T>>, rename: (name: string) => string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [rename(name), value]))
}
