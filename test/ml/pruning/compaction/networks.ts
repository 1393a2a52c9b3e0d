import type { Tensor } from '@tensorflow/tfjs-core'
import { LayersModel } from '../../../../src/contracts/model.js'
import { parse } from '../../../../src/contracts/parse.js'
import type { StoredTensor, StoredTensors } from '../../../../src/formats/safetensors.js'
import { tf } from '../../../../src/ml/engine/tensorflow.js'
import { buildModel } from '../../../../src/ml/models/model.js'
import { expandModel, type NamedModel } from '../../../../src/planning/presets.js'
import { sizeOf } from '../../../../src/planning/shape.js'
import { describeLayers } from '../../../../src/planning/shapes.js'
import { unitGroups, type WeightPart } from '../../../../src/planning/units/groups.js'
import { analyzeUnits } from '../../../../src/planning/units/units.js'
import { makeRandom } from '../../../../src/random.js'
import { tidily } from '../../tensors.js'
import { IDS } from './graphs.js'

/** To be changed by tests. */
export type State = Record<string, StoredTensor>
export type Network = { readonly model: NamedModel; readonly state: StoredTensors }

export function stored(shape: readonly number[], values: ArrayLike<number>): StoredTensor {
  return { type: 'float32', shape, values: Float32Array.from(values) }
}

/** A model of layers as a spec gives them. */
export function modelOf(inputShape: number[], ...layers: Record<string, unknown>[]): NamedModel {
  const parsed = parse(LayersModel, { kind: 'layers', inputShape, layers })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  return expandModel(parsed.value)
}

/** The weights of a model, from their numbers by full name. */
export function stateOf(model: NamedModel, values: Readonly<Record<string, readonly number[]>>): State {
  return Object.fromEntries(
    describeLayers(model).flatMap(({ weights }) =>
      Object.entries(weights).map(([name, { shape }]) => [name, stored(shape, values[name] ?? [])] as const),
    ),
  )
}

/** Weights of all kinds: kernels that keep numbers about their size, biases, moving statistics that are not those of the start. */
export function randomWeights(model: NamedModel, seed: number): State {
  const random = makeRandom(seed, 'weights')
  const weights: State = {}
  for (const layer of describeLayers(model))
    for (const [name, { shape }] of Object.entries(layer.weights)) {
      const inputs = Math.max(1, sizeOf(shape) / (shape.at(-1) ?? 1))
      const draw = name.endsWith('variance')
        ? () => 0.5 + random.uniform()
        : () => (random.normal() + (name.endsWith('gamma') ? 1 : 0)) / Math.sqrt(shape.length > 1 ? inputs : 2)
      weights[name] = stored(shape, Array.from({ length: sizeOf(shape) }, draw))
    }
  return weights
}

export interface Masking {
  readonly seed: number
  /** Share of the elements of kernels, and of vectors, that become 0. */
  readonly kernels: number
  readonly vectors: number
  /** Share of the units whose own weights become 0 (their biases by half), and of those that nothing takes any more. */
  readonly silenced: number
  readonly unheard: number
}

/** The weights with zeros as masks of elements and of whole units leave them. */
export function masked(model: NamedModel, weights: StoredTensors, masking: Masking): State {
  const random = makeRandom(masking.seed, 'masks')
  const next: State = {}
  for (const [name, { shape, values }] of Object.entries(weights)) {
    const share = shape.length > 1 ? masking.kernels : name.includes('moving') ? 0 : masking.vectors
    next[name] = stored(
      shape,
      Array.from(values, (value) => (random.uniform() < share ? 0 : value)),
    )
  }
  const gone = unitGroups(analyzeUnits(model)).flatMap(({ units }) =>
    units.flatMap(({ output, input }) => {
      const keepsVectors = random.uniform() < 0.5
      const isSilenced = random.uniform() < masking.silenced
      const isUnheard = random.uniform() < masking.unheard
      const parts = [...(isSilenced ? output : []), ...(isUnheard ? input : [])]
      return parts.filter(({ weight }) => !keepsVectors || next[weight]?.shape.length !== 1)
    }),
  )
  return zeroed(next, gone)
}

/** The weights with zeros in these parts. */
export function zeroed(weights: StoredTensors, parts: readonly WeightPart[]): State {
  const next: State = Object.fromEntries(
    Object.entries(weights).map(([name, { shape, values }]) => [name, stored(shape, values)]),
  )
  for (const { weight, axis, indexes } of parts) {
    const { shape, values } = next[weight] ?? stored([], [])
    const inner = sizeOf(shape.slice(axis + 1))
    const block = inner * (shape[axis] ?? 1)
    for (let from = 0; from < values.length; from += block)
      for (const index of indexes) values.fill(0, from + index * inner, from + (index + 1) * inner)
  }
  return next
}

/** Four random examples, the same at each call. */
export function examplesFor({ inputShape }: NamedModel, isIds: boolean): Float32Array {
  const random = makeRandom(1, 'examples')
  const draw = () => (isIds ? Math.floor(random.uniform() * IDS) : random.normal())
  return Float32Array.from({ length: 4 * sizeOf(inputShape) }, draw)
}

export function tensorsOf(state: StoredTensors): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(state).map(([name, { shape, values }]) => [name, tf.tensor(values, [...shape])]),
  )
}

/** What a network gives for `examplesFor` it. */
export function outputsOf({ model, state }: Network, isIds = false): Float32Array {
  return tidily(() => {
    const x = tf.tensor(examplesFor(model, isIds), [4, ...model.inputShape])
    return Float32Array.from(buildModel(model, 'mean-squared-error').apply(tensorsOf(state), x).dataSync())
  })
}

/** Largest difference, relative to the largest output (or 1, if all are smaller). */
export function difference(one: Float32Array, other: Float32Array): number {
  const scale = one.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1)
  return (
    one.reduce((largest, value, index) => Math.max(largest, Math.abs(value - (other[index] ?? Number.NaN))), 0) / scale
  )
}
