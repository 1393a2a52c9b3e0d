import type { PruningReport } from '../contracts/pruning-report.js'
import type { StoredTensors } from '../formats/safetensors.js'
import { macsOf } from '../planning/macs.js'
import { describeLayers, type LayerDescription } from '../planning/shapes.js'
import { fileBytes } from './export.js'
import { compareLatency } from './latency.js'
import { buildModel } from './models/model.js'
import { sparsityOf, type WeightSparsity } from './pruner.js'
import { judgePruning } from './pruning-verdicts.js'
import { type Rebuilt, witnessesOf } from './rebuild.js'
import type { Run } from './run.js'
import type { Running } from './running.js'
import type { TrainOptions } from './training.js'

/** Of a request by itself, and of a batch. */
const LATENCY_BATCHES = [1, 64]

/** What a job delivers, and what it came from. */
export interface Delivered {
  readonly rebuilt: Rebuilt | null
  readonly weights: StoredTensors
  readonly sparsities: readonly WeightSparsity[]
  readonly means: { readonly validation: Means; readonly test: Means }
  readonly running: Pick<Running, 'rounds' | 'unpruned' | 'pieces'>
}
type Means = PruningReport['delivered']

/** Null if the spec prunes nothing. Measures the latency of both networks if one was made smaller. */
export function makePruningReport(
  run: Run,
  { schema }: Pick<TrainOptions, 'schema'>,
  { rebuilt, weights, sparsities, means, running }: Delivered,
): PruningReport | null {
  const { pruning } = run.plan.spec
  if (!pruning) return null
  const { rounds, unpruned, pieces } = running
  const delivered = fileBytes(weights)
  const dense = describeLayers(run.specified)
  const small = describeLayers(rebuilt?.model ?? run.specified)
  const layers = dense.map((layer, index) =>
    layerReport(layer, small[index] ?? layer, { weights, sparsities, rebuilt }),
  )
  const total = (of: (layer: PruningReport['layers'][number]) => number) =>
    layers.reduce((sum, layer) => sum + of(layer), 0)
  const figures = {
    pruning,
    sparsity: sparsityOf(sparsities),
    parameters: {
      dense: total(({ parameters }) => parameters.dense),
      nonZero: total(({ parameters }) => parameters.nonZero),
      compact: total(({ parameters }) => parameters.compact),
    },
    macs: { dense: total(({ macs }) => macs.dense), compact: total(({ macs }) => macs.compact) },
    pieces,
    bytes: { dense: unpruned ?? delivered, masked: rebuilt ? fileBytes(rebuilt.masked) : delivered, delivered },
    layers,
    evaluatedOn: means.validation ? 'validation' : means.test ? 'test' : null,
    rounds: [...rounds],
    delivered: means.validation ?? means.test,
    compaction: rebuilt && compactionOf(rebuilt),
    certificate: rebuilt?.certificate ?? null,
    latency: rebuilt && latencyOf(run, schema, rebuilt, weights),
  } satisfies Omit<PruningReport, 'verdicts'>
  return { ...figures, verdicts: judgePruning(figures) }
}

function layerReport(
  dense: LayerDescription,
  small: LayerDescription,
  { weights, sparsities, rebuilt }: Pick<Delivered, 'weights' | 'sparsities' | 'rebuilt'>,
): PruningReport['layers'][number] {
  const own = Object.fromEntries(Object.entries(weights).filter(([name]) => name.startsWith(`${dense.name}/`)))
  const trained = Object.entries(own).filter(([name]) => small.weights[name]?.trainable)
  const pruned = sparsities.filter(({ name }) => name.startsWith(`${dense.name}/`))
  const units = rebuilt?.report.layers.find(({ layer }) => layer === dense.name)?.units ?? null
  return {
    ...{ layer: dense.name, type: dense.type, units },
    parameters: {
      dense: dense.parameters,
      nonZero: trained.reduce((sum, [, { values }]) => sum + nonZeroIn(values), 0),
      compact: small.parameters,
    },
    macs: { dense: macsOf(dense), compact: macsOf(small) },
    sparsity: pruned.length > 0 ? sparsityOf(pruned) : null,
    bytes: Object.keys(own).length === 0 ? { raw: 0, gzip: 0, sparse: 0 } : fileBytes(own),
  }
}

function nonZeroIn(values: ArrayLike<number>): number {
  let count = 0
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) count++
  return count
}

function compactionOf({ step, report }: Rebuilt): NonNullable<PruningReport['compaction']> {
  const { layers, folded, addedBiases, kept } = report
  return {
    step,
    removedUnits: layers
      .filter(({ removed }) => removed.length > 0)
      .map(({ layer, removed }) => ({ layer, units: [...removed] })),
    folded: folded.map((each) => ({ ...each })),
    addedBiases: [...addedBiases],
    kept: kept.map(({ layer, units, reason }) => ({ layer, units: [...units], reason })),
  }
}

function latencyOf(run: Run, schema: TrainOptions['schema'], rebuilt: Rebuilt, weights: StoredTensors) {
  const { loss } = run.plan.spec
  return compareLatency(
    { model: buildModel(run.specified, loss), weights: rebuilt.masked },
    { model: buildModel(rebuilt.model, loss), weights },
    witnessesOf(run, schema).examples,
    { batches: LATENCY_BATCHES },
  )
}
