import { describeLayers, type LayerDescription } from '../../../planning/shapes.js'
import type { Units } from '../../../planning/units/units.js'
import type { Folded } from './fold.js'
import type { Kept, Removal } from './removal.js'

/** What compaction did. Units are indexes of the last axis of a layer's output, as it was before. */
export interface CompactionReport {
  /** Numbers that are trained. */
  readonly parameters: Change
  /** The layers that make units: dense, convolutions, embedding, recurrent ones. */
  readonly layers: readonly LayerChange[]
  /** Biases that took over constants of removed units, and of how many indexes of the layer's input. */
  readonly folded: readonly { readonly bias: string; readonly sources: number }[]
  /** Full names of biases that the layers did not have before. */
  readonly addedBiases: readonly string[]
  readonly kept: readonly Kept[]
}

interface Change {
  readonly before: number
  readonly after: number
}

interface LayerChange {
  readonly layer: string
  readonly units: Change
  /** Ascending. */
  readonly removed: readonly number[]
}

/** @returns What makes the report, once the smaller network is known. */
export function makeReport(
  units: Units,
  { removed, kept }: Removal,
  folded: readonly Folded[],
): (small: readonly LayerDescription[]) => CompactionReport {
  const layers = describeLayers(units.model)
  return (small) => ({
    parameters: { before: parametersOf(layers), after: parametersOf(small) },
    layers: units.layers
      .filter(({ makesUnits }) => makesUnits)
      .map(({ layer, output }) => changeOf(layer.name, output, removed)),
    folded: folded.map(({ bias, sources }) => ({ bias, sources })),
    addedBiases: namesOf(small).filter((name) => !namesOf(layers).includes(name)),
    kept,
  })
}

function changeOf(layer: string, output: Int32Array, removed: Uint8Array): LayerChange {
  const gone = [...output.keys()].filter((index) => removed[output[index] ?? 0] === 1)
  return { layer, units: { before: output.length, after: output.length - gone.length }, removed: gone }
}

const parametersOf = (layers: readonly LayerDescription[]): number =>
  layers.reduce((sum, { parameters }) => sum + parameters, 0)
const namesOf = (layers: readonly LayerDescription[]): string[] => layers.flatMap(({ weights }) => Object.keys(weights))
