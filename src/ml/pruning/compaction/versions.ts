import type { StoredTensors } from '../../../formats/safetensors.js'
import { sizeOf } from '../../../planning/shape.js'
import type { Units } from '../../../planning/units/units.js'
import { emaOf } from '../../optimizers/ema.js'
import type { ReadWeight } from './values.js'

/** A set of weights that the model is used with, by the names that a state has them under. */
export type Version = (weight: string) => string

/** The weights themselves, and their averages over the steps if the state has them; moving statistics serve both. */
export function versionsOf({ layers }: Units, state: StoredTensors): readonly [Version, ...Version[]] {
  const weights = layers.flatMap((layer) => Object.entries(layer.weights))
  const moments = new Set(weights.filter(([, { trainable }]) => !trainable).map(([name]) => name))
  const own: Version = (weight) => weight
  const averaged: Version = (weight) => (moments.has(weight) ? weight : emaOf(weight))
  return weights.some(([name]) => emaOf(name) in state) ? [own, averaged] : [own]
}

/** @throws Error if the state lacks a weight, or has one that is not float32 of the right size. */
export function reader({ layers }: Units, state: StoredTensors, version: Version): ReadWeight {
  const sizes = new Map(
    layers.flatMap(({ weights }) => Object.entries(weights).map(([name, { shape }]) => [name, sizeOf(shape)] as const)),
  )
  return (weight) => {
    const name = version(weight)
    const values = state[name]?.values
    if (!(values instanceof Float32Array) || values.length !== sizes.get(weight))
      throw new Error(`the state has no float32 '${name}' of ${sizes.get(weight)} numbers`)
    return values
  }
}
