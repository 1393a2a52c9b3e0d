import type { StoredTensor, StoredTensors } from '../../../formats/safetensors.js'
import { sizeOf } from '../../../planning/shape.js'
import { analyzeUnits, type Units } from '../../../planning/units/units.js'
import type { Evaluated } from './constants/constants.js'
import { sourcesOf } from './liveness.js'
import { withBias } from './resize.js'
import { reader, type Version } from './versions.js'

/** What a layer takes over from constants that are removed before it. */
export interface Folded {
  readonly layer: string
  /** Full name of the bias that takes it, which the layer may lack so far. */
  readonly bias: string
  /** What is added to each of the bias's first entries, in float64. */
  readonly sums: Float64Array
  /** Indexes of the layer's input that were folded. */
  readonly sources: number
}

/** Σ constant · weight over the removed sources of each layer, for the columns that stay; layers that take over nothing are left out. */
export function foldConstants(evaluated: readonly Evaluated[], removed: Uint8Array): Folded[] {
  return evaluated.flatMap((entry) => {
    const { layer } = entry
    return entry.links.flatMap((links) => {
      const { bias, columns, offset, width } = links
      if (bias === null) return []
      const { units, constants } = sourcesOf(entry, links)
      // 0 for what is not to be folded.
      const gone = constants.map((constant, source) => (removed[units[source] ?? 0] === 1 ? constant || 0 : 0))
      if (gone.every((constant) => constant === 0)) return []
      const sums = new Float64Array(columns)
      const folded = new Set<number>()
      links.each((source, column, weight) => {
        const constant = gone[source] ?? 0
        if (constant === 0 || removed[layer.output[offset + (column % width)] ?? 0] === 1) return
        sums[column] = (sums[column] ?? 0) + constant * weight
        folded.add(source)
      })
      const { name } = layer.layer
      return folded.size === 0 ? [] : [{ layer: name, bias: `${name}/${bias}`, sums, sources: folded.size }]
    })
  })
}

export interface FoldedVersion {
  readonly version: Version
  readonly entries: readonly Folded[]
}

export interface Network {
  readonly units: Units
  readonly state: StoredTensors
}

/** The network with what was folded in its biases, and with those biases that it lacked for that, in every version. */
export function addFolded(network: Network, folded: readonly FoldedVersion[]): Network {
  const { units, state } = withBiases(network, folded)
  const next: Record<string, StoredTensor> = { ...state }
  for (const { version, entries } of folded) {
    const read = reader(units, state, version)
    for (const { bias, sums } of entries) {
      const values = read(bias).map((value, index) => value + (sums[index] ?? 0))
      next[version(bias)] = { type: 'float32', shape: state[version(bias)]?.shape ?? [], values }
    }
  }
  return { units, state: next }
}

function withBiases({ units, state }: Network, folded: readonly FoldedVersion[]): Network {
  const known = new Set(units.layers.flatMap(({ weights }) => Object.keys(weights)))
  const lacking = new Set(
    folded
      .flatMap(({ entries }) => entries)
      .filter(({ bias }) => !known.has(bias))
      .map(({ layer }) => layer),
  )
  if (lacking.size === 0) return { units, state }
  const { model } = units
  const layers = model.layers.map((layer) => (lacking.has(layer.name) ? withBias(layer) : layer))
  const biased = analyzeUnits({ ...model, layers })
  const next: Record<string, StoredTensor> = { ...state }
  for (const { weights } of biased.layers)
    for (const [name, { shape }] of Object.entries(weights))
      if (!known.has(name))
        for (const { version } of folded)
          next[version(name)] = { type: 'float32', shape, values: new Float32Array(sizeOf(shape)) }
  return { units: biased, state: next }
}
