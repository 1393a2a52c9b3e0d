import type { StoredTensor } from '../../../src/formats/safetensors.js'
import type { NamedModel } from '../../../src/planning/presets.js'
import { sizeOf } from '../../../src/planning/shape.js'
import { analyzeUnits, type UnitLayer } from '../../../src/planning/units/units.js'
import { makeRandom } from '../../../src/random.js'

type Values = Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>

/** Changes the order of the hidden units of a model. */
export interface Permutation {
  /** Units that change places. */
  readonly moved: number
  /** Names of the weights in which entries change places. */
  readonly weights: readonly string[]
  /** The values of a weight, or a mask of it, in the new order: along every axis that stands for units, or only those of one side. */
  apply<V extends Values>(weight: string, values: V, side?: 'input' | 'output'): V
}

/**
 * A random order of the units that may change places: those that can be removed, and that have the same parts of the same weights. Moving statistics are tied to
 * units as well.
 */
export function permutationOf(model: NamedModel, seed: number): Permutation {
  const { layers, count, pinned } = analyzeUnits(model)
  const random = makeRandom(seed, 'permutation')
  const comesFrom = Int32Array.from({ length: count }, (_, unit) => unit)
  for (const alike of unitsByParts(layers, count).values()) {
    const free = alike.filter((unit) => !pinned.has(unit))
    const shuffled = free.map((unit) => ({ unit, key: random.uniform() })).sort((one, other) => one.key - other.key)
    free.forEach((unit, place) => {
      comesFrom[unit] = shuffled[place]?.unit ?? unit
    })
  }
  const tied = new Map(layers.flatMap(({ axes }) => Object.entries(axes)))
  const shapes = new Map(
    layers.flatMap(({ weights }) => Object.entries(weights).map(([name, { shape }]) => [name, shape])),
  )
  const isMoved = (unit: number) => comesFrom[unit] !== unit
  return {
    moved: comesFrom.filter((from, unit) => from !== unit).length,
    weights: [...tied.keys()].filter((name) => tied.get(name)?.some((axis) => axis?.units.some(isMoved))),
    apply(weight, values, side) {
      const shape = shapes.get(weight) ?? []
      return (tied.get(weight) ?? []).reduce(
        (before, axis, place) =>
          axis && (!side || axis.side === side) ? taken(before, shape, place, sources(axis.units, comesFrom)) : before,
        values,
      )
    },
  }
}

/** The weights, and what else there is by their names, in the new order. */
export function permuted<T extends StoredTensor>(
  state: Readonly<Record<string, T>>,
  permutation: Permutation,
  side?: 'input' | 'output',
): Record<string, StoredTensor> {
  return Object.fromEntries(
    Object.entries(state).map(([name, tensor]) => {
      const values = permutation.apply(name, Float32Array.from(tensor.values), side)
      return [name, { type: 'float32', shape: tensor.shape, values }]
    }),
  )
}

/** Units that have equally many indexes along the same axes of the same weights. */
function unitsByParts(layers: readonly UnitLayer[], count: number): Map<string, number[]> {
  const parts = Array.from({ length: count }, (): string[] => [])
  for (const { axes } of layers)
    for (const [weight, own] of Object.entries(axes))
      own.forEach((axis, place) => {
        for (const unit of axis?.units ?? []) parts[unit]?.push(`${weight} ${place}`)
      })
  const alike = new Map<string, number[]>()
  parts.forEach((own, unit) => {
    const key = own.join('\n')
    alike.set(key, [...(alike.get(key) ?? []), unit])
  })
  return alike
}

/** Of each index along an axis the index whose entries it gets: the first of a unit those of the first of the unit that comes there, and so on. */
function sources(units: Int32Array, comesFrom: Int32Array): number[] {
  const indexes = new Map<number, number[]>()
  units.forEach((unit, index) => {
    indexes.set(unit, [...(indexes.get(unit) ?? []), index])
  })
  return Array.from(units, (unit, index) => {
    const rank = indexes.get(unit)?.indexOf(index) ?? 0
    const source = indexes.get(comesFrom[unit] ?? unit)?.[rank]
    if (source === undefined) throw new Error(`unit ${unit} has more indexes than the one that takes its place`)
    return source
  })
}

function taken<V extends Values>(values: V, shape: readonly number[], axis: number, from: readonly number[]): V {
  const inner = sizeOf(shape.slice(axis + 1))
  const block = inner * from.length
  const result = values.slice() as V // a copy of the same kind
  for (let begin = 0; begin < values.length; begin += block)
    from.forEach((source, index) => {
      const entries = values.subarray(begin + source * inner, begin + (source + 1) * inner)
      result.set(entries, begin + index * inner)
    })
  return result
}
