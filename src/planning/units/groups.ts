import { makeUnitSpace } from './space.js'
import type { UnitLayer, Units } from './units.js'

/** Entries of a weight: those at `indexes` along `axis`. */
export interface WeightPart {
  /** Full name, such as `dense-1/kernel`. */
  readonly weight: string
  readonly axis: number
  readonly indexes: readonly number[]
}

/** A unit with the trained weights that belong to it. */
export interface GroupUnit {
  /** Its number among the units of the model. */
  readonly unit: number
  /** Why it can never be removed; null if it can. */
  readonly pinned: string | null
  /**
   * What makes it: columns of kernels, biases, γ and β of batch normalization, depthwise kernels, all gates of recurrent layers. With zeros in them the
   * unit emits a constant, activation(0).
   */
  readonly output: readonly WeightPart[]
  /** What takes it: rows of the kernels of the layers after, of the recurrent kernel too. */
  readonly input: readonly WeightPart[]
}

/** Layers that shrink together, and their units in order. */
export interface UnitGroup {
  /** Names of the layers that make the units, in the order of the model. */
  readonly layers: readonly string[]
  readonly units: readonly GroupUnit[]
}

/** Every layer that makes units is in one group; layers that share units are in the same. */
export function unitGroups({ layers, count, pinned }: Units): UnitGroup[] {
  const parts = partsOf(layers, count)
  const makers = layers.filter(({ makesUnits }) => makesUnits)
  return coupledLayers(makers, count).map((group) => {
    const units = [...new Set(group.flatMap(({ output }) => [...output]))].sort((one, other) => one - other)
    return {
      layers: group.map(({ layer }) => layer.name),
      units: units.map((unit) => ({
        unit,
        pinned: pinned.get(unit) ?? null,
        output: parts.output[unit] ?? [],
        input: parts.input[unit] ?? [],
      })),
    }
  })
}

function partsOf(layers: readonly UnitLayer[], count: number): Record<'input' | 'output', WeightPart[][]> {
  const empty = () => Array.from({ length: count }, (): WeightPart[] => [])
  const parts = { input: empty(), output: empty() }
  for (const { axes, weights } of layers)
    for (const [weight, tied] of Object.entries(axes))
      tied.forEach((axis, place) => {
        if (!axis || !weights[weight]?.trainable) return
        for (const [unit, indexes] of indexesByUnit(axis.units))
          parts[axis.side][unit]?.push({ weight, axis: place, indexes })
      })
  return parts
}

function indexesByUnit(units: Int32Array): Map<number, number[]> {
  const indexes = new Map<number, number[]>()
  units.forEach((unit, index) => {
    const known = indexes.get(unit)
    if (known) known.push(index)
    else indexes.set(unit, [index])
  })
  return indexes
}

function coupledLayers(makers: readonly UnitLayer[], count: number): UnitLayer[][] {
  const space = makeUnitSpace()
  const places = space.fresh(makers.length)
  const makerOf = new Int32Array(count).fill(-1)
  makers.forEach(({ output }, maker) => {
    for (const unit of output) {
      const first = makerOf[unit] ?? -1
      if (first < 0) makerOf[unit] = maker
      else space.couple(places.subarray(first, first + 1), places.subarray(maker, maker + 1))
    }
  })
  const groups: UnitLayer[][] = []
  const groupOf = space.resolve().of(places)
  makers.forEach((maker, index) => {
    const group = groupOf[index] ?? 0
    const known = groups[group]
    if (known) known.push(maker)
    else groups[group] = [maker]
  })
  return groups
}
