import type { Certificate } from '../contracts/certificate.js'
import type { DatasetSchema } from '../contracts/dataset.js'
import type { StoredTensors } from '../formats/safetensors.js'
import type { NamedModel } from '../planning/presets.js'
import { certify, type Witnesses } from './certificate.js'
import { buildModel } from './models/model.js'
import { examplesOf } from './predict.js'
import type { WeightSparsity } from './pruner.js'
import { compact } from './pruning/compaction/compact.js'
import type { CompactionReport } from './pruning/compaction/report.js'
import type { Run } from './run.js'
import { deliveredWeights, initialState, type StepParts, stateShapes } from './state.js'

/** Enough to see a difference, few enough to be delivered with the certificate. */
const MAX_WITNESSES = 2000
const MAX_WITNESS_BYTES = 16 * 2 ** 20

/** A network that was made smaller in a job, and the evidence that it gives the same. */
export interface Rebuilt {
  /** Updates done by then. */
  readonly step: number
  readonly model: NamedModel
  readonly report: CompactionReport
  readonly certificate: Certificate
  /** By weight, of the masks before. */
  readonly sparsities: readonly WeightSparsity[]
  /** Weights of both networks at that step, by the names of their models. */
  readonly masked: StoredTensors
  readonly compacted: StoredTensors
}

/** The parts of a job without masks. */
export function unpruned({ spec, model }: Pick<StepParts, 'spec' | 'model'>): StepParts {
  const { pruning: _, ...rest } = spec
  return { spec: rest, model, pruned: [] }
}

/**
 * The network of a run without the units that do nothing, and its state to go on with: weights, slots, averages, clip state. What belongs
 * to a bias that was added, and clip state whose shape has changed, begins anew. Null if no unit can go.
 */
export function rebuild(
  run: Run,
  schema: DatasetSchema,
  step: number,
): { rebuilt: Rebuilt; state: StoredTensors } | null {
  const before = unpruned(run.parts)
  const state = run.session.get(Object.keys(stateShapes(before)))
  const small = compact(run.network, state)
  const { parameters } = small.report
  if (small.report.layers.every(({ removed }) => removed.length === 0) && parameters.before === parameters.after)
    return null
  const parts = { ...before, model: buildModel(small.model, before.spec.loss) }
  const initial = initialState(parts)
  const shapes = Object.entries(stateShapes(parts))
  const next = Object.fromEntries(
    shapes.map(([name, { shape }]) => {
      const cut = small.state[name]
      const value = cut?.shape.join() === shape.join() ? cut : initial[name]
      if (!value) throw new Error(`the smaller network has no state '${name}'`)
      return [name, value]
    }),
  )
  const masked = deliveredWeights(before, state)
  const compacted = deliveredWeights(parts, next)
  const certificate = certify(
    { model: before.model, weights: masked },
    { model: parts.model, weights: compacted },
    witnessesOf(run, schema),
    { step, pins: run.pins },
  )
  const sparsities = sparsitiesOf(run)
  return {
    rebuilt: { ...{ step, model: small.model, report: small.report, certificate, sparsities }, masked, compacted },
    state: next,
  }
}

/** Examples of the test split, else of those held out, else of those trained on. */
export function witnessesOf({ data }: Pick<Run, 'data'>, { target }: DatasetSchema): Witnesses {
  const splits = [
    { split: 'test', rows: data.testRows },
    { split: 'validation', rows: data.validationRows },
    { split: 'train', rows: data.trainRows },
  ] as const
  const { split, rows } = splits.find((each) => each.rows.length > 0) ?? splits[2]
  const features = data.state['data/features']
  const bytes = (features?.values.byteLength ?? 0) / Math.max(1, features?.shape[0] ?? 1)
  const fitting = Math.max(1, Math.min(MAX_WITNESSES, Math.floor(MAX_WITNESS_BYTES / Math.max(1, bytes))))
  return { examples: examplesOf(data, rows.slice(0, fitting)), split, target }
}

/** By weight, of the masks of now; of a network that was made smaller, of those before. */
export function sparsitiesOf({ pruner, rebuilt, session }: Pick<Run, 'pruner' | 'rebuilt' | 'session'>) {
  return rebuilt?.sparsities ?? pruner?.measure(session) ?? []
}
