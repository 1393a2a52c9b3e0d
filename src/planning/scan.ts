import { parse } from '../contracts/parse.js'
import { PruningSpec } from '../contracts/pruning.js'
import { removesUnits } from '../contracts/pruning-granularity.js'
import { SensitivityScan } from '../contracts/sensitivity-scan.js'
import type { NamedModel } from './presets.js'
import { selectedWeights } from './prunable.js'
import { selectedGroups } from './prunable-groups.js'
import type { LayerDescription } from './shapes.js'
import { unitGroups } from './units/groups.js'
import { analyzeUnits } from './units/units.js'

/** What the scan of a spec is with every default filled in: its sparsities in ascending order. */
export function filledScan(scan: SensitivityScan | undefined): SensitivityScan {
  const filled = scan ?? parsed(parse(SensitivityScan, {}))
  return { ...filled, sparsities: [...filled.sparsities].sort((one, other) => one - other) }
}

/** Pruning of the finished network, at once and to one sparsity in every layer, by the criterion and granularity of a scan. */
export function scanPruning(scan: SensitivityScan, sparsity: number): PruningSpec {
  const { criterion, granularity, calibration, include, exclude } = scan
  const schedule = { kind: 'one-shot', beginStep: 0, finalSparsity: sparsity }
  return parsed(parse(PruningSpec, { criterion, granularity, calibration, include, exclude, schedule }))
}

/** Names of the layers that a scan measures one after the other; a group of layers whose units are coupled is one, by all its names. */
export function scannedLayers(
  scan: SensitivityScan,
  model: NamedModel,
  layers: readonly LayerDescription[],
): readonly string[] {
  if (!removesUnits(scan.granularity)) return [...new Set(selectedWeights(scan, layers).map(({ layer }) => layer))]
  return selectedGroups(scan, layers, unitGroups(analyzeUnits(model))).map((group) => group.layers.join(', '))
}

/** The dense network, each layer and all together at every sparsity, and all at what they tolerate by themselves. */
export function measurementsOf({ sparsities }: SensitivityScan, layers: number): number {
  return 1 + (layers + 1) * sparsities.length + 1
}

function parsed<T>(result: { readonly ok: true; readonly value: T } | { readonly ok: false }): T {
  if (result.ok) return result.value
  throw new Error('the fields of a scan that was checked are not those of pruning')
}
