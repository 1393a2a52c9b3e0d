import type { Initializer } from '../../contracts/layers/fields.js'
import { excerpt, isJson, type Json, member, type Place, problemAt } from './json.js'

type Read = (config: Json) => Initializer | undefined

const numberAt = (config: Json, key: string, byDefault: number): number => {
  const value = member(config, key)
  return typeof value === 'number' ? value : byDefault
}

const normal: Read = (config) =>
  numberAt(config, 'mean', 0) === 0 ? { kind: 'normal', deviation: numberAt(config, 'stddev', 0.05) } : undefined
const uniform: Read = (config) => {
  const limit = numberAt(config, 'maxval', 0.05)
  return numberAt(config, 'minval', -0.05) === -limit ? { kind: 'uniform', limit } : undefined
}

/** scale, mode and distribution of the named initializers, which are all variance scaling. */
const SCALED = new Map<string, Initializer>([
  ['1 fan_avg uniform', 'glorot-uniform'],
  ['1 fan_avg truncated_normal', 'glorot-normal'],
  ['2 fan_in uniform', 'he-uniform'],
  ['2 fan_in truncated_normal', 'he-normal'],
  ['1 fan_in uniform', 'lecun-uniform'],
  ['1 fan_in truncated_normal', 'lecun-normal'],
])
const varianceScaling: Read = (config) => {
  const [mode = 'fan_in', distribution = 'truncated_normal'] = ['mode', 'distribution'].map((key) =>
    member(config, key),
  )
  return SCALED.get(`${numberAt(config, 'scale', 1)} ${mode} ${distribution}`)
}

/** Undefined: one that we know but cannot draw; the default of the layer stands in, which matters only until weights are loaded or trained. */
const INITIALIZERS = new Map<string, Read>([
  ['zeros', () => 'zeros'],
  ['ones', () => 'ones'],
  ['glorotuniform', () => 'glorot-uniform'],
  ['glorotnormal', () => 'glorot-normal'],
  ['xavieruniform', () => 'glorot-uniform'],
  ['xaviernormal', () => 'glorot-normal'],
  ['heuniform', () => 'he-uniform'],
  ['henormal', () => 'he-normal'],
  ['lecununiform', () => 'lecun-uniform'],
  ['lecunnormal', () => 'lecun-normal'],
  ['orthogonal', (config) => ({ kind: 'orthogonal', gain: numberAt(config, 'gain', 1) })],
  ['randomnormal', normal],
  ['normal', normal],
  ['randomuniform', uniform],
  ['uniform', uniform],
  ['constant', (config) => ({ kind: 'constant', value: numberAt(config, 'value', 0) })],
  ['variancescaling', varianceScaling],
  ['truncatednormal', () => undefined],
  ['identity', () => undefined],
])

/** Undefined where the default of the layer has to do. @throws SPEC_INVALID for a class that is none of Keras. */
export function initializerOf(value: unknown, place: Place): Initializer | undefined {
  if (value === null) return undefined
  const name = isJson(value) ? member(value, 'class_name') : value
  // `glorot_uniform` and `GlorotUniform` are the same.
  const read = typeof name === 'string' ? INITIALIZERS.get(name.replaceAll('_', '').toLowerCase()) : undefined
  if (read === undefined)
    throw problemAt(
      place,
      `initializer ${excerpt(name)} is not supported; use one that comes with Keras, such as GlorotUniform`,
    )
  const config = member(value, 'config')
  return read(isJson(config) ? config : {})
}

/** @throws SPEC_INVALID unless weights begin at this value, as they always do here. */
export function beginsAt(expected: 'zeros' | 'ones', value: unknown, place: Place): void {
  if (value !== null && initializerOf(value, place) !== expected)
    throw problemAt(place, `must be ${expected === 'zeros' ? 'Zeros' : 'Ones'}: these weights always begin so here`)
}
