import type { EnginePins, TrainingJobSpec, TrainingPlan } from '../contracts/training-job.js'
import { planTrainingJob } from '../planning/plan.js'
import { expandModel } from '../planning/presets.js'
import { type Batches, makeBatches } from './batches.js'
import { type Checkpoint, decodeCheckpoint } from './checkpoint.js'
import { type PreparedData, prepareData } from './data.js'
import { compile } from './engine/compile.js'
import { engineInfo } from './engine/info.js'
import type { Feeds, Session, SignatureSpec } from './engine/types.js'
import { evaluationSignatures } from './evaluate.js'
import { buildModel } from './models/model.js'
import { learningRateAt } from './optimizers/learning-rate.js'
import { makePruner, type Pruner } from './pruner.js'
import { emptyRunning, type Running } from './running.js'
import { initialState, prunedKernels, type StepParts, stateShapes, trainSignature } from './step.js'
import type { TrainOptions } from './training.js'
import { TrainingFailure } from './training-failure.js'
import { cpuClock, planXla, raceXla, type XlaPlan } from './xla-choice.js'

/** A job that is set up: compiled, data resident, state as it was at `step`. */
export interface Run {
  readonly plan: TrainingPlan
  readonly parts: StepParts
  readonly data: PreparedData
  readonly batches: Batches
  readonly session: Session
  /** Names of the state that training changes, which is what a checkpoint holds. */
  readonly mutable: readonly string[]
  readonly pruner: Pruner | null
  readonly pins: EnginePins
  /** Pins of the attempt that the checkpoint is from, where they differ: the bits may then differ too. */
  readonly formerPins: EnginePins | null
  /** Updates done before: 0, or those of the checkpoint. */
  readonly step: number
  /** The epoch before `step` is still to be validated. */
  readonly validationDue: boolean
  /** A race has just decided about XLA. Another one might end otherwise, so the choice has to be stored before the first step. */
  readonly raced: boolean
  readonly running: Running
  /** What to run for a step. */
  feeds(step: number): { signature: string; feeds: Feeds; rows: Int32Array; learningRate: number }
}

const PLAIN = 'train'
const XLA = 'train-xla'
const REST = 'train-rest'

/**
 * @throws SPEC_INVALID, SPEC_OUT_OF_RANGE, DATASET_INVALID, CHECKPOINT_INVALID, ENGINE_MISSING, ENGINE_FAILED
 */
export function openRun({ spec: requested, schema, data: tensors, resume }: TrainOptions): Run {
  const plan = planTrainingJob(requested, schema)
  const { spec } = plan
  const model = buildModel(expandModel(spec.model), spec.loss)
  const parts: StepParts = { spec, model, pruned: prunedKernels(spec, model) }
  const data = prepareData(tensors, schema, spec)
  const batches = makeBatches(data.trainRows, spec.batchSize, spec.seed)
  const shapes = stateShapes(parts)
  const checkpoint = resume ? decodeCheckpoint(resume.checkpoint, shapes) : null
  if (resume && checkpoint?.step !== resume.step)
    throw new TrainingFailure(
      'CHECKPOINT_INVALID',
      `the checkpoint is of step ${checkpoint?.step}, not ${resume.step}`,
      null,
    )

  const xlaPlan = chooseXla(checkpoint, parts, plan.steps, batches)
  const session = compile(
    { ...data.state, ...(checkpoint?.state ?? initialState(parts)) },
    {
      ...trainSignatures(parts, batches, xlaPlan),
      ...evaluationSignatures(parts, [data.validationRows, data.testRows]),
    },
  )
  try {
    const mutable = Object.keys(shapes)
    const batchAt = (step: number) => {
      const rows = batches.rowsAt(step)
      const learningRate = learningRateAt(spec.optimizer, step, plan.steps)
      const feeds = { rows, learningRate: Float32Array.of(learningRate), step: Int32Array.of(step) }
      return { feeds, rows, learningRate }
    }
    const info = engineInfo()
    const clock = info.device === 'cpu' ? cpuClock : () => performance.now()
    const race = () => raceXla(session, { plain: PLAIN, xla: XLA }, batchAt(0).feeds, mutable, clock)
    const xla = xlaPlan === 'race' ? race() : xlaPlan === 'xla'
    const pins = { ...info, xla, seed: spec.seed }
    return {
      plan,
      parts,
      data,
      batches,
      session,
      mutable,
      pruner: spec.pruning ? makePruner(spec.pruning, parts.pruned, mutable) : null,
      pins,
      formerPins: checkpoint && JSON.stringify(checkpoint.pins) !== JSON.stringify(pins) ? checkpoint.pins : null,
      step: checkpoint?.step ?? 0,
      validationDue: checkpoint?.validationDue ?? false,
      raced: xlaPlan === 'race',
      running: checkpoint?.running ?? emptyRunning,
      feeds(step) {
        const batch = batchAt(step)
        const full = xla ? XLA : PLAIN
        return { ...batch, signature: batch.rows.length === spec.batchSize ? full : REST }
      },
    }
  } catch (error) {
    session.close()
    throw error
  }
}

/** A resumed run takes the choice of the run it goes on from: another one would round differently. */
function chooseXla(checkpoint: Checkpoint | null, parts: StepParts, steps: number, batches: Batches): XlaPlan {
  if (checkpoint) return checkpoint.pins.xla ? 'xla' : 'plain'
  return planXla(parts.spec, parts.model, steps, batches.fullBatches)
}

/** The rest is one step an epoch: compiling that by XLA would cost more than it saves. */
function trainSignatures(parts: StepParts, batches: Batches, xla: XlaPlan): Record<string, SignatureSpec> {
  const { batchSize }: TrainingJobSpec = parts.spec
  const hasFull = batches.fullBatches > 0
  return {
    ...(hasFull && xla !== 'xla' ? { [PLAIN]: trainSignature(parts, batchSize) } : {}),
    ...(hasFull && xla !== 'plain' ? { [XLA]: trainSignature(parts, batchSize, true) } : {}),
    ...(batches.restSize > 0 ? { [REST]: trainSignature(parts, batches.restSize) } : {}),
  }
}
