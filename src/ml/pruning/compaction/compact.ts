import type { StoredTensors } from '../../../formats/safetensors.js'
import type { NamedModel } from '../../../planning/presets.js'
import { describeLayers, type LayerDescription } from '../../../planning/shapes.js'
import { analyzeUnits } from '../../../planning/units/units.js'
import { evaluateConstants } from './constants/constants.js'
import { addFolded, foldConstants, type Network } from './fold.js'
import { chosenUnits, type Removal, removableUnits } from './removal.js'
import { type CompactionReport, makeReport } from './report.js'
import { resizeModel } from './resize.js'
import { sliceState } from './slice.js'
import { reader, versionsOf } from './versions.js'

/** A smaller network. */
export interface Compacted {
  /** Layers of the same names, types and wiring, some with fewer units, some with a bias more. */
  readonly model: NamedModel
  /** What was given, under the same names, without what belonged to removed units. */
  readonly state: StoredTensors
  readonly report: CompactionReport
}

/**
 * Removes every unit whose removal changes nothing: in use, the smaller network gives what the given one gives, but for float rounding.
 * Constants that removed units emit are folded into biases. Averaged weights (`<weight>/ema`) are a second version of the network: a unit goes if
 * it can go from both. An added bias has weight and average, but no optimizer slots: those begin anew.
 * @param state Weights by full name, with the zeros of masks in them, and whatever belongs to them (see `sliceState`).
 * @throws SPEC_INVALID if the layers do not connect; Error if the state lacks a weight.
 */
export function compact(model: NamedModel, state: StoredTensors): Compacted {
  const units = analyzeUnits(model)
  const versions = versionsOf(units, state).map((version) => ({
    version,
    evaluated: evaluateConstants(units, reader(units, state, version)),
  }))
  const removal = removableUnits(
    units,
    versions.map(({ evaluated }) => evaluated),
  )
  const folded = versions.map(({ version, evaluated }) => ({
    version,
    entries: foldConstants(evaluated, removal.removed),
  }))
  return cut(addFolded({ units, state }, folded), removal, makeReport(units, removal, folded[0]?.entries ?? []))
}

/**
 * Removes the units at these indexes of the output of each layer, and what is coupled to them: nothing more, and nothing is folded. The smaller network
 * gives what the given one gives with zeros for the weights that take those units. Pinned units stay, and one unit of each layer. No job calls it: it is the
 * cutting by itself, which the tests compare with other libraries.
 * @throws RangeError if there is no such layer or index; SPEC_INVALID as `compact`.
 */
export function removeUnits(
  model: NamedModel,
  state: StoredTensors,
  chosen: Readonly<Record<string, readonly number[]>>,
): Compacted {
  const units = analyzeUnits(model)
  const removal = chosenUnits(units, chosen)
  return cut({ units, state }, removal, makeReport(units, removal, []))
}

function cut(
  { units, state }: Network,
  { removed }: Removal,
  reportFor: (small: LayerDescription[]) => CompactionReport,
): Compacted {
  const model = resizeModel(units, removed)
  const small = sliceState(units, state, removed)
  const layers = describeLayers(model)
  for (const { weights } of layers)
    for (const [name, { shape }] of Object.entries(weights))
      if (small[name]?.shape.join() !== shape.join())
        throw new Error(
          `'${name}' was cut to [${small[name]?.shape.join()}], but the smaller model has [${shape.join()}]`,
        )
  return { model, state: small, report: reportFor(layers) }
}
