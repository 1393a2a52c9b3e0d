import type { ClippingModeName } from '../contracts/clipping-modes.js'
import type { EnginePins } from '../contracts/engine-pins.js'
import type { TrainingPlan } from '../contracts/training-job.js'
import type { StoredTensors } from '../formats/safetensors.js'
import { planTrainingJob } from '../planning/plan.js'
import { dataShape } from '../planning/planned-spec.js'
import { expandModel, type NamedModel } from '../planning/presets.js'
import { type Batches, makeBatches } from './batches.js'
import { type Checkpoint, decodeCheckpoint, type GoodState } from './checkpoint.js'
import { type PreparedData, prepareData } from './data.js'
import { compile } from './engine/compile.js'
import { engineInfo } from './engine/info.js'
import type { Feeds, Outputs, Session, SignatureSpec } from './engine/types.js'
import { evaluationSignatures } from './evaluate.js'
import { measuredEvery } from './ledger/series.js'
import { buildModel } from './models/model.js'
import { learningRateAt } from './optimizers/learning-rate.js'
import { makePruner, type Pruner } from './pruner.js'
import { maskedWeights, targetsOf } from './pruning/targets.js'
import { type Rebuilt, unpruned } from './rebuild.js'
import { emptyRunning, type Running } from './running.js'
import { sampleSignatures } from './sample.js'
import { startingWeights } from './starting-weights.js'
import { initialState, passingState, type StepParts, stateShapes } from './state.js'
import { accumulateSignature, trainSignature } from './step.js'
import type { Start, TrainOptions } from './training.js'
import { TrainingFailure } from './training-failure.js'
import { isUneven } from './transforms/figures.js'
import { LEAST_QUICK_BOUND } from './transforms/quick.js'
import { thresholdAt } from './transforms/threshold.js'
import { cpuClock, planXla, raceXla, type XlaPlan } from './xla-choice.js'

/** A job that is set up: compiled, data resident, state as it was at `step`. */
export interface Run {
  readonly plan: TrainingPlan & { readonly spec: StepParts['spec'] }
  readonly parts: StepParts
  readonly data: PreparedData
  readonly batches: Batches
  readonly session: Session
  /** Names of the state that training changes, which is what a checkpoint holds. */
  readonly mutable: readonly string[]
  /** Null if nothing is pruned, or nothing more. */
  readonly pruner: Pruner | null
  /** The layers that the spec asks for. */
  readonly specified: NamedModel
  /** The layers that are trained: those, or the ones of the smaller network. */
  readonly network: NamedModel
  readonly rebuilt: Rebuilt | null
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
  /** Weights of the best evaluation so far, by the names of the model; null: none is kept. */
  readonly best: StoredTensors | null
  /** States to roll back to, as in a checkpoint. */
  readonly good: readonly GoodState[]
  /** What to run for a step, one call a mini-batch. `rateFactor` multiplies the learning rate. */
  calls(step: number, rates: { plateauFactor: number; rateFactor: number }): { learningRate: number; calls: Call[] }
  /** The outputs of a call. An update that quick arithmetic refuses is made by the exact one. */
  execute(call: Call): Outputs
}

/** A mini-batch; the last of a step makes the update. */
export interface Call {
  readonly signature: string
  readonly feeds: Feeds
  readonly rows: Int32Array
  readonly draw: number
}

// Updates on full batches: quick, plain or by XLA, and exact.
const PLAIN = 'train'
const XLA = 'train-xla'
const EXACT = 'train-exact'
const REST = 'train-rest'
const ACCUMULATE = 'accumulate'

/**
 * @throws SPEC_INVALID, SPEC_OUT_OF_RANGE, DATASET_INVALID, MODEL_INVALID, CHECKPOINT_INVALID, ENGINE_MISSING, ENGINE_FAILED
 */
export function openRun({ spec: requested, schema, data: tensors, resume, start = null }: TrainOptions): Run {
  const plan = planTrainingJob(requested, schema, start)
  const { spec } = plan
  const expanded = expandModel(spec.model, dataShape(schema), start)
  const setUp = (rebuilt: Rebuilt | null) => {
    const network = rebuilt?.model ?? expanded
    const model = buildModel(network, spec.loss)
    if (rebuilt) return { network, targets: [], parts: unpruned({ spec, model }) }
    const targets = spec.pruning ? targetsOf(spec.pruning, expanded) : []
    return { network, targets, parts: { spec, model, pruned: maskedWeights(targets) } }
  }
  const checkpoint = resume ? decodeCheckpoint(resume.checkpoint, (rebuilt) => stateShapes(setUp(rebuilt).parts)) : null
  if (resume && checkpoint?.step !== resume.step)
    throw new TrainingFailure(
      'CHECKPOINT_INVALID',
      `the checkpoint is of step ${checkpoint?.step}, not ${resume.step}`,
      null,
    )
  const rebuilt = checkpoint?.rebuilt ?? null
  const { network, targets, parts } = setUp(rebuilt)
  const data = prepareData(tensors, schema, spec, start)
  const batches = makeBatches(data.trainRows, { ...spec, ...spec.optimizer })
  const mutable = Object.keys(stateShapes(parts))
  const pruner = makePruner({ parts, targets, mutable, trainRows: data.trainRows, steps: plan.steps })

  const xlaPlan = chooseXla(checkpoint, parts, plan.steps, batches)
  const session = compile(
    { ...data.state, ...passingState(parts), ...(checkpoint?.state ?? firstState(parts, start)) },
    {
      ...trainSignatures(parts, batches, xlaPlan),
      ...evaluationSignatures(parts, [data.validationRows, data.testRows]),
      ...sampleSignatures(parts, schema),
      ...pruner?.signatures,
    },
  )
  try {
    const calls: Run['calls'] = (step, { plateauFactor, rateFactor }) => {
      const learningRate = rateFactor * learningRateAt(spec.optimizer, step, plan.steps, plateauFactor)
      const threshold = thresholdAt(spec.clipping, step, plan.steps)
      const full = isExact(spec.clipping.mode, threshold, { step, steps: plan.steps }) ? EXACT : xla ? XLA : PLAIN
      const scheduled = {
        learningRate: Float32Array.of(learningRate),
        threshold: Float32Array.of(threshold),
        step: Int32Array.of(step),
      }
      const miniBatches = batches.miniBatchesAt(step)
      const total = miniBatches.reduce((sum, rows) => sum + rows.length, 0)
      const several = spec.optimizer.accumulateSteps > 1
      return {
        learningRate,
        calls: miniBatches.map((rows, index) => {
          const draw = step * spec.optimizer.accumulateSteps + index
          const mini = several ? { share: Float32Array.of(rows.length / total), draw: Int32Array.of(draw) } : {}
          const isLast = index === miniBatches.length - 1
          const signature = isLast ? (rows.length === spec.batchSize ? full : REST) : ACCUMULATE
          return { signature, rows, draw, feeds: { rows, ...(isLast ? scheduled : {}), ...mini } }
        }),
      }
    }
    const execute: Run['execute'] = ({ signature, feeds }) => {
      const outputs = session.run(signature, feeds)
      const isRefused = (signature === PLAIN || signature === XLA) && Number.isNaN(outputs.gradientNorm?.[0])
      return isRefused ? session.run(EXACT, feeds) : outputs
    }
    const info = engineInfo()
    const clock = info.device === 'cpu' ? cpuClock : () => performance.now()
    const race = () => raceXla(session, { plain: PLAIN, xla: XLA }, firstUpdate(), mutable, clock)
    // The calls of a step ask for the choice, which the race needs the feeds of a full update to make: the first is one if there are any.
    let xla = xlaPlan === 'xla'
    const firstUpdate = () => calls(0, { plateauFactor: 1, rateFactor: 1 }).calls.at(-1)?.feeds ?? {}
    if (xlaPlan === 'race') xla = race()
    const pins = { ...info, xla, seed: spec.seed }
    return {
      plan,
      parts,
      data,
      batches,
      session,
      mutable,
      ...{ pruner, network, rebuilt, specified: expanded },
      pins,
      formerPins: checkpoint && JSON.stringify(checkpoint.pins) !== JSON.stringify(pins) ? checkpoint.pins : null,
      step: checkpoint?.step ?? 0,
      validationDue: checkpoint?.validationDue ?? false,
      raced: xlaPlan === 'race',
      running: checkpoint?.running ?? emptyRunning,
      best: checkpoint?.best ?? null,
      good: checkpoint?.good ?? [],
      calls,
      execute,
    }
  } catch (error) {
    session.close()
    throw error
  }
}

/** Weights of a finished model only matter before the first checkpoint, which holds all there is. */
function firstState(parts: StepParts, start: Start | null): StoredTensors {
  return initialState(parts, start && startingWeights(parts.model, start.weights))
}

/** A resumed run takes the choice of the run it goes on from: another one would round differently. */
function chooseXla(checkpoint: Checkpoint | null, parts: StepParts, steps: number, batches: Batches): XlaPlan {
  if (checkpoint) return checkpoint.pins.xla ? 'xla' : 'plain'
  // Nothing to compile.
  if (batches.fullUpdates === 0) return 'plain'
  return planXla(parts.spec, parts.model, steps, batches.fullUpdates)
}

/** Whether everything that clipping does is measured in a step, or its threshold is too small for quick arithmetic. */
function isExact(mode: ClippingModeName, threshold: number, { step, steps }: { step: number; steps: number }): boolean {
  const isMeasured = isUneven(mode) && step % measuredEvery(mode, steps) === 0
  return isMeasured || (mode !== 'none' && threshold < LEAST_QUICK_BOUND)
}

/** The rest is one step an epoch, so it is exact, and compiling it by XLA would cost more than it saves. */
function trainSignatures(parts: StepParts, batches: Batches, xla: XlaPlan): Record<string, SignatureSpec> {
  const { batchSize, optimizer } = parts.spec
  const hasFull = batches.fullUpdates > 0
  const accumulates = batches.fullBatches > 0 && optimizer.accumulateSteps > 1
  return {
    ...(hasFull && xla !== 'xla' ? { [PLAIN]: trainSignature(parts, batchSize, { quick: true }) } : {}),
    ...(hasFull && xla !== 'plain' ? { [XLA]: trainSignature(parts, batchSize, { quick: true, xla: true }) } : {}),
    ...(hasFull ? { [EXACT]: trainSignature(parts, batchSize) } : {}),
    ...(batches.restSize > 0 ? { [REST]: trainSignature(parts, batches.restSize) } : {}),
    ...(accumulates ? { [ACCUMULATE]: accumulateSignature(parts, batchSize) } : {}),
  }
}
