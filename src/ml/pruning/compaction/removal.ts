import { IS_OUTPUT, type Units } from '../../../planning/units/units.js'
import type { Evaluated } from './constants/constants.js'
import { findLive } from './liveness.js'
import type { Constants } from './values.js'

/** Units of a layer that stay although only a constant comes of them, or although their removal was asked for. */
export interface Kept {
  readonly layer: string
  /** Indexes of the last axis of the layer's output, ascending. */
  readonly units: readonly number[]
  readonly reason: string
}

export interface Removal {
  /** By unit of the model, 1 = removed. */
  readonly removed: Uint8Array
  readonly kept: readonly Kept[]
}

interface Note {
  readonly layer: string
  readonly index: number
  readonly reason: string
}

/**
 * The units whose removal does not change what the network computes, once the constants that they emit are folded: those that nothing after
 * them depends on, and those that emit constants. `kept` has the units that emit a constant and stay, and all those that a layer pins.
 * @param versions As `findLive`; constants are reported of the first.
 */
export function removableUnits(units: Units, versions: readonly (readonly Evaluated[])[]): Removal {
  const { live, blocked } = findLive(units, versions)
  const [evaluated = []] = versions
  const lost = lostConstants(evaluated)
  const notes = evaluated.flatMap(({ layer: { layer, makesUnits, output }, output: constants }): Note[] =>
    [...(makesUnits ? output : [])].flatMap((unit, index) => {
      const pin = units.pinned.get(unit)
      const isHeld = pin === undefined && live[unit] === 1 && !Number.isNaN(constants[index])
      const why = isHeld
        ? (blocked.get(unit) ?? lost.get(unit) ?? 'it emits a constant, but units that it goes with do not')
        : pin
      return why === undefined || why === IS_OUTPUT ? [] : [{ layer: layer.name, index, reason: why }]
    }),
  )
  return withoutEmptyLayers(
    units,
    live.map((isLive) => 1 - isLive),
    notes,
  )
}

/**
 * The units that indexes of a layer's output belong to, with all that is coupled to them.
 * @throws RangeError if there is no such layer or index.
 */
export function chosenUnits(units: Units, chosen: Readonly<Record<string, readonly number[]>>): Removal {
  const removed = new Uint8Array(units.count)
  const notes: Note[] = []
  for (const [name, indexes] of Object.entries(chosen)) {
    const found = units.layers.find(({ layer }) => layer.name === name)
    if (!found)
      throw new RangeError(
        `no layer is called '${name}'; there are ${units.layers.map(({ layer }) => layer.name).join(', ')}`,
      )
    for (const index of indexes) {
      const unit = found.output[index]
      if (unit === undefined) throw new RangeError(`'${name}' has units 0 … ${found.output.length - 1}, not ${index}`)
      const reason = units.pinned.get(unit)
      if (reason === undefined) removed[unit] = 1
      else notes.push({ layer: name, index, reason })
    }
  }
  return withoutEmptyLayers(units, removed, notes)
}

/**
 * A layer that would lose everything keeps what its first index belongs to. If that emits a constant, it goes on to: the constants that it takes are folded
 * into it; else nothing that is needed takes it, and it may become another one.
 */
function withoutEmptyLayers({ layers }: Units, removed: Uint8Array, notes: Note[]): Removal {
  for (const { layer, output } of layers) {
    const [first] = output
    if (first === undefined || output.some((unit) => removed[unit] === 0)) continue
    removed[first] = 0
    notes.push({ layer: layer.name, index: 0, reason: 'a layer keeps at least one unit' })
  }
  return { removed, kept: grouped(notes) }
}

/** Units whose constant does not get through a layer that keeps channels apart. */
function lostConstants(evaluated: readonly Evaluated[]): Map<number, string> {
  const lost = new Map<number, string>()
  for (const { layer, inputs, output } of evaluated) {
    if (layer.makesUnits) continue
    const constant = new Set(layer.sources.flatMap((units, place) => constantUnits(units, inputs[place])))
    const { name, type } = layer.layer
    layer.output.forEach((unit, index) => {
      if (Number.isNaN(output[index]) && constant.has(unit) && !lost.has(unit))
        lost.set(unit, `it emits a constant, which does not stay one in '${name}' (${type})`)
    })
  }
  return lost
}

/** The units of which every index is constant. */
function constantUnits(units: Int32Array, constants: Constants | undefined): number[] {
  const varying = new Set(units.filter((_, index) => Number.isNaN(constants?.[index])))
  return [...units].filter((unit) => !varying.has(unit))
}

function grouped(notes: readonly Note[]): Kept[] {
  const groups = new Map<string, { layer: string; units: number[]; reason: string }>()
  for (const { layer, index, reason } of notes) {
    const key = `${layer} ${reason}`
    const known = groups.get(key)
    if (known) known.units.push(index)
    else groups.set(key, { layer, units: [index], reason })
  }
  return [...groups.values()]
}
