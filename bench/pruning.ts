import type { Latency } from '../src/contracts/pruning-report.js'
import { type ExportedWeights, exportWeights } from '../src/ml/export.js'
import { compareLatency } from '../src/ml/latency.js'
import { compact } from '../src/ml/pruning/compaction/compact.js'
import { macsOf } from '../src/planning/macs.js'
import type { NamedModel } from '../src/planning/presets.js'
import { describeLayers } from '../src/planning/shapes.js'
import { type BenchModel, MODELS } from './models.js'
import { type Pruned, pruneOnce } from './pruned.js'
import type { BothSizes, PeerPruning, PruningPeer, PruningSettings } from './pruning-peer.js'
import { summarize, type Timing } from './statistics.js'

/** What is removed from a model: filters, or neurons as well. */
interface PrunableModel {
  readonly model: BenchModel
  readonly kind: 'filter' | 'unit'
}

const prunable = (key: string, kind: PrunableModel['kind']): PrunableModel => {
  const model = MODELS[key]
  if (!model) throw new RangeError(`there is no model '${key}'`)
  return { model, kind }
}

/** By the names that `--models` takes. */
export const PRUNED_MODELS: Readonly<Record<string, PrunableModel>> = {
  'lenet-5': prunable('lenet-5', 'unit'),
  'resnet-8': prunable('resnet-8', 'filter'),
}

/** Times that a network is made smaller. */
const COMPACTIONS = 9
/** A quarter of the units left, a batch of 64: at least so many times as fast. */
export const GOAL = { sparsity: 0.75, batch: 64, speedup: 2.5 }

type Bytes = ExportedWeights['bytes']

export interface PruningResult {
  readonly name: string
  readonly kind: PrunableModel['kind']
  readonly sparsity: number
  readonly parameters: BothSizes
  /** Of one example. */
  readonly macs: BothSizes
  /** Files of the weights as they were drawn, with zeros for the units to be removed, and without those. */
  readonly bytes: { readonly dense: Bytes; readonly masked: Bytes; readonly compact: Bytes }
  readonly compactionMs: Timing
  readonly largestDifference: number
  readonly latency: readonly Latency[]
  readonly peers: readonly PeerPruning[]
}

/** The peers measure one after the other, while Espalier idles. */
export async function measurePruning(
  { model, kind }: PrunableModel,
  settings: PruningSettings,
  peers: readonly PruningPeer[],
): Promise<PruningResult> {
  const { sparsity, rounds, batches } = settings
  const pruned = pruneOnce(model, { kind, sparsity, rows: Math.max(...batches) })
  const { drawn, masked, compact: small, examples, largestDifference } = pruned
  return {
    ...{ name: model.name, kind, sparsity, largestDifference },
    parameters: sizesOf(pruned, (layer) => layer.parameters),
    macs: sizesOf(pruned, macsOf),
    bytes: {
      dense: exportWeights(drawn).bytes,
      masked: exportWeights(masked.weights).bytes,
      compact: exportWeights(small.weights).bytes,
    },
    compactionMs: summarize(Array.from({ length: COMPACTIONS }, () => timeCompaction(pruned))),
    latency: compareLatency(masked, small, examples, { batches, rounds }),
    peers: await measurePeers(peers, model, settings),
  }
}

/** Whether the interval of the speed-up lies on one side of the goal; null where something else was measured. */
export function judgeGoal({ sparsity, latency }: Pick<PruningResult, 'sparsity' | 'latency'>): string | null {
  const speedup = latency.find(({ batch }) => batch === GOAL.batch)?.speedup
  if (sparsity !== GOAL.sparsity || !speedup) return null
  if (speedup.low >= GOAL.speedup) return 'holds'
  return speedup.high < GOAL.speedup ? 'does not hold' : 'is within the interval'
}

function sizesOf({ masked, compact: small }: Pruned, of: (layer: ReturnType<typeof describeLayers>[number]) => number) {
  const total = (model: NamedModel) => describeLayers(model).reduce((sum, layer) => sum + of(layer), 0)
  return { dense: total(masked.network), compact: total(small.network) }
}

function timeCompaction({ masked }: Pruned): number {
  const begin = performance.now()
  compact(masked.network, masked.weights)
  return performance.now() - begin
}

async function measurePeers(peers: readonly PruningPeer[], model: BenchModel, settings: PruningSettings) {
  const measured: PeerPruning[] = []
  for (const peer of peers) {
    try {
      measured.push(await peer.measure(model, settings))
    } catch (error) {
      console.error(`${peer.name} is left out for ${model.name}: ${error instanceof Error ? error.message : error}`)
    }
  }
  return measured
}
