import { activationOf } from './activations.js'
import { beginsAt, initializerOf } from './initializers.js'
import { excerpt, isJson, type Json, member, type Place, problemAt } from './json.js'

/** What a value of a Keras config becomes: members of our layer. @throws SPEC_INVALID for what we cannot do. */
export type Translate = (value: unknown, place: Place) => Json
/** By key of the config. */
export type Keys = Readonly<Record<string, Translate>>

/** The same under our name; null, which stands for a default of Keras, for ours. */
export const as =
  (ours: string): Translate =>
  (value) =>
    value === null ? {} : { [ours]: value }

/** One number of a list of equal ones, for windows that have only one here. */
export const single =
  (ours: string): Translate =>
  (value, place) => {
    if (!Array.isArray(value)) return as(ours)(value, place)
    if (value.length === 0 || value.some((extent) => extent !== value[0]))
      throw problemAt(place, `is ${excerpt(value)}; only equal extents are supported`)
    return { [ours]: value[0] }
  }

export const activation: Translate = (value, place) => ({ activation: activationOf(value, place) })
export const recurrentActivation: Translate = (value, place) => ({ recurrentActivation: activationOf(value, place) })
export const initializer =
  (ours: string): Translate =>
  (value, place) => {
    const found = initializerOf(value, place)
    return found === undefined ? {} : { [ours]: found }
  }
export const begins =
  (expected: 'zeros' | 'ones'): Translate =>
  (value, place) => {
    beginsAt(expected, value, place)
    return {}
  }
export const ignored: Translate = () => ({})

/** Only the first of these values, or another that means the same. */
export const only =
  (...allowed: readonly unknown[]): Translate =>
  (value, place) => {
    if (!allowed.some((one) => JSON.stringify(one) === JSON.stringify(value)))
      throw problemAt(place, `is ${excerpt(value)}; only ${excerpt(allowed[0])} is supported`)
    return {}
  }

/** Normalization works on the last axis; which one that is, the shape of the input shows later. */
export const lastAxis: Translate = (value, place) => {
  if (axisOf(value) === undefined) throw problemAt(place, `is ${excerpt(value)}; only one axis, the last, is supported`)
  return {}
}

/** The axis of a config, given as a number or as a list of one. */
export function axisOf(value: unknown): number | undefined {
  const axis: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value
  return typeof axis === 'number' && (axis === -1 || axis >= 1) ? axis : undefined
}

/** A policy by name, or as an object; weights and computation are float32 here. */
const dtype: Translate = (value, place) => {
  const name = isJson(value) ? member(member(value, 'config'), 'name') : value
  return only('float32', null)(name, place)
}

/** What every layer of Keras may have. */
export const COMMON: Keys = {
  name: ignored,
  dtype,
  trainable: (value, place) => {
    if (value !== true) throw problemAt(place, 'must be true: layers cannot be frozen here')
    return {}
  },
  batch_input_shape: ignored,
  batch_shape: ignored,
  data_format: only('channels_last', null),
  seed: ignored,
  quantization_config: only(null),
}

/** Penalties and constraints of single weights: `kernel_regularizer`, `bias_constraint`, … */
export const REFUSED_SUFFIX = /_(regularizer|constraint)$/
export const noPenalty: Translate = (value, place) => {
  if (value !== null)
    throw problemAt(place, 'must be null; for a penalty on all kernels set optimizer.l2 or optimizer.weightDecay')
  return {}
}
