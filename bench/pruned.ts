import type { PruningSpec } from '../src/contracts/pruning.js'
import type { StoredTensors } from '../src/formats/safetensors.js'
import type { Network } from '../src/ml/certificate.js'
import { buildModel } from '../src/ml/models/model.js'
import { rebuild, witnessesOf } from '../src/ml/rebuild.js'
import { finalValues } from '../src/ml/result.js'
import type { NamedModel } from '../src/planning/presets.js'
import type { BenchModel } from './models.js'
import { openBenchRun } from './run.js'

/** A network before and after its units were removed. */
export interface Pruned {
  /** Weights as they were drawn. */
  readonly drawn: StoredTensors
  /** All units, those to be removed being 0. */
  readonly masked: Network & { readonly network: NamedModel }
  /** Without them. */
  readonly compact: Network & { readonly network: NamedModel }
  /** What both are applied to. */
  readonly examples: StoredTensors
  /** Largest difference between their outputs, divided by the largest output. */
  readonly largestDifference: number
}

/**
 * Removes units in one shot by their magnitude (L2), the same share in every layer, as a job does before its first step. `rows` examples come along.
 * @throws Error if no unit could go; else as `openBenchRun`.
 */
export function pruneOnce(
  bench: BenchModel,
  { kind, sparsity, rows }: { kind: PruningSpec['granularity']['kind']; sparsity: number; rows: number },
): Pruned {
  const model = { ...bench, dataset: { ...bench.dataset, trainRows: rows } }
  const run = openBenchRun(model, {
    clipping: { mode: 'none' },
    batchSize: rows,
    pruning: { granularity: { kind }, schedule: { kind: 'one-shot', finalSparsity: sparsity, beginStep: 0 } },
    engine: { xla: 'never' },
  })
  try {
    const drawn = finalValues(run)
    run.pruner?.before(run.session, 0)
    const { rebuilt } = rebuild(run, model.dataset, 0) ?? {}
    if (!rebuilt) throw new Error(`no unit of ${bench.name} can be removed`)
    const { loss } = run.plan.spec
    const networkOf = (network: NamedModel, weights: StoredTensors) => ({
      ...{ network, weights },
      model: buildModel(network, loss),
    })
    return {
      drawn,
      masked: networkOf(run.network, rebuilt.masked),
      compact: networkOf(rebuilt.model, rebuilt.compacted),
      examples: witnessesOf(run, model.dataset).examples,
      largestDifference: rebuilt.certificate.largestDifference,
    }
  } finally {
    run.session.close()
  }
}
