import { createHash } from 'node:crypto'
import type { PruningSpec } from '../contracts/pruning.js'
import { CRITERIA } from '../contracts/pruning-criterion.js'
import { firstStepOf } from '../contracts/sparsity-schedule.js'
import type { StoredTensor, StoredTensors } from '../formats/safetensors.js'
import { type Calibration, type CalibrationNeeds, calibrationBatches, makeCalibration } from './calibration.js'
import type { Session, SignatureSpec } from './engine/types.js'
import { type Decision, decideMasks } from './pruning/decide.js'
import type { Masks } from './pruning/granularity/pieces.js'
import { isScored } from './pruning/granularity/units.js'
import type { PieceUpdate } from './pruning/masks.js'
import { makeSparsitySchedule, type SparsitySchedule } from './pruning/schedules.js'
import type { Collected } from './pruning/scoring.js'
import { consumersOf, scoredWeights, type Target } from './pruning/targets.js'
import { remember, rewound } from './rewind.js'
import { maskOf, movementOf, type StepParts, slotsOf } from './state.js'

export interface WeightSparsity {
  /** Name of the weight. */
  readonly name: string
  readonly weights: number
  readonly removed: number
}

/** A mask update, for the event log. */
export interface PruneRecord {
  /** Share of the pieces that is to be removed; null where something else decides. */
  readonly asked: number | null
  readonly updates: readonly PieceUpdate[]
  readonly weights: readonly WeightSparsity[]
  /** SHA-256 in hex over the masks, a byte an element, in the order of the weights. */
  readonly masksSha256: string
}

/** Sets masks at the steps of the schedule, on the host; between them the train step only applies them. */
export interface Pruner {
  /** Passes that measure what the criterion needs. */
  readonly signatures: Readonly<Record<string, SignatureSpec>>
  /** The last step before which masks are updated. */
  readonly lastUpdateStep: number
  isUpdate(step: number): boolean
  /** Worth to be evaluated before and after: every update where there are few, else the first and the last. */
  isRound(step: number): boolean
  /** To be called before every step: what the schedule says is removed, it and its slots become 0. Null unless masks are updated before `step`. */
  before(session: Session, step: number): PruneRecord | null
  /** After a rollback to the state before `from`: what `before` did last in the steps from there to `to` is done once more. */
  replay(session: Session, from: number, to: number): void
  /** Weight by weight, as the masks in the session have it; without biases and normalization. */
  measure(session: Session): WeightSparsity[]
}

export interface PrunerOptions {
  readonly parts: StepParts
  readonly targets: readonly Target[]
  /** Names of the state that training changes. */
  readonly mutable: readonly string[]
  readonly trainRows: Int32Array
  /** Of the whole job. */
  readonly steps: number
}

/** Null if the spec prunes nothing. */
export function makePruner(options: PrunerOptions): Pruner | null {
  const { pruning } = options.parts.spec
  return pruning ? pruner(pruning, options) : null
}

function pruner(spec: PruningSpec, { parts, targets, mutable, trainRows, steps }: PrunerOptions): Pruner {
  const schedule = scheduleOf(spec, steps)
  const batches = calibrationBatches(parts, trainRows)
  const { signatures, calibration } = makeCalibration(parts, batches, needsOf(spec, targets))
  const isFew = FEW_UPDATES.includes(spec.schedule.kind)
  const firstUpdateStep = firstStepOf(spec.schedule)
  const names = Object.fromEntries(mutable.map((name) => [name, name]))
  const companions = new Map(parts.pruned.map((name) => [name, [name, ...slotsOf(name, names)]]))

  function update(session: Session, step: number): PruneRecord {
    const state = session.get(mutable)
    const previous = masksIn(state, parts.pruned)
    const collected = collect(spec, parts, { session, calibration, state, step })
    const decision = decideMasks({ spec, targets, previous, collected }, momentOf(parts, schedule, step))
    const values = Object.entries(decision.values).map(([name, own]) => [name, like(state, name, own)] as const)
    const moved = spec.rewind ? rewound(parts, state) : Object.fromEntries(values)
    const changed: Record<string, StoredTensor> = { ...moved }
    for (const [param, own] of companions) {
      const mask = decision.masks[param] ?? new Uint8Array()
      changed[maskOf(param)] = like(state, maskOf(param), Float32Array.from(mask))
      for (const name of own) {
        const grown = decision.grown[param]
        const before = floats({ ...state, ...moved }, name)
        const isZero = (index: number) => mask[index] === 0 || grown?.[index] === 1
        changed[name] = like(
          state,
          name,
          Float32Array.from(before, (value, index) => (isZero(index) ? 0 : value)),
        )
      }
    }
    session.set(changed)
    const isAsked = spec.selection.kind === 'sparsity' && spec.granularity.kind !== 'n-of-m'
    return { asked: isAsked ? schedule.sparsityAt(step) : null, ...recordOf(decision, parts.pruned) }
  }

  return {
    signatures,
    lastUpdateStep: schedule.lastUpdateStep,
    isUpdate: schedule.isUpdateStep,
    isRound: (step) =>
      schedule.isUpdateStep(step) && (isFew || step === firstUpdateStep || step === schedule.lastUpdateStep),
    before(session, step) {
      if (step > 0 && step === spec.rewind?.toStep) remember(parts, session)
      return schedule.isUpdateStep(step) ? update(session, step) : null
    },
    replay(session, from, to) {
      const { toStep = 0 } = spec.rewind ?? {}
      if (toStep > 0 && toStep >= from && toStep <= to) remember(parts, session)
      let last = to
      while (last >= from && !schedule.isUpdateStep(last)) last--
      if (last >= from) update(session, last)
    },
    measure: (session) => sparsities(masksIn(session.get(parts.pruned.map(maskOf)), parts.pruned)),
  }
}

/** Kinds of schedules that train for long between two updates. */
const FEW_UPDATES: readonly string[] = ['one-shot', 'iterative', 'multi-step']

function scheduleOf({ schedule, granularity }: PruningSpec, steps: number): SparsitySchedule {
  const sparsity = granularity.kind === 'n-of-m' ? 1 - granularity.keep / granularity.of : 0
  return makeSparsitySchedule(schedule, { steps, sparsity })
}

function momentOf({ spec }: StepParts, schedule: SparsitySchedule, step: number) {
  const final = schedule.sparsityAt(schedule.lastUpdateStep)
  const sparsity = schedule.sparsityAt(step)
  const begin = spec.pruning ? firstStepOf(spec.pruning.schedule) : 0
  return {
    ...{ seed: spec.seed, step, sparsity, begin, end: schedule.lastUpdateStep },
    progress: final > 0 ? sparsity / final : 1,
  }
}

/** What the criterion of a spec has to be measured for. */
export function needsOf({ criterion, regrow }: PruningSpec, targets: readonly Target[]): CalibrationNeeds {
  const { needs } = CRITERIA[criterion]
  const weights = scoredWeights(targets).map(({ name }) => name)
  return {
    gradientsOf: needs === 'gradients' || regrow?.by === 'gradient' ? weights : [],
    inputsOf: needs === 'activations' ? consumersOf(targets) : [],
    flowOf: criterion === 'synflow' ? weights : [],
  }
}

interface Place {
  readonly session: Session
  readonly calibration: Calibration
  readonly state: StoredTensors
  readonly step: number
}

/** What the criterion of a spec goes by, as the session has it. */
export function collect(
  spec: PruningSpec,
  { model, pruned }: StepParts,
  { session, calibration, state, step }: Place,
): Collected {
  const { needs } = CRITERIA[spec.criterion]
  const valuesOf = (weights: readonly string[], nameOf: (name: string) => string) =>
    Object.fromEntries(weights.map((name) => [name, floats(state, nameOf(name))]))
  return {
    values: valuesOf(Object.keys(model.parameters), (name) => name),
    gradients: needs === 'gradients' || spec.regrow?.by === 'gradient' ? calibration.gradients(session, step) : null,
    movement: needs === 'training' ? valuesOf(pruned, movementOf) : null,
    flow: spec.criterion === 'synflow' ? calibration.flow(session) : null,
    inputs: needs === 'activations' ? calibration.inputs(session) : null,
  }
}

function recordOf(
  { masks, updates }: Pick<Decision, 'masks' | 'updates'>,
  pruned: readonly string[],
): Omit<PruneRecord, 'asked'> {
  const hash = createHash('sha256')
  for (const name of pruned) hash.update(masks[name] ?? new Uint8Array())
  return { updates, weights: sparsities(masks), masksSha256: hash.digest('hex') }
}

function masksIn(state: StoredTensors, pruned: readonly string[]): Masks {
  return Object.fromEntries(pruned.map((name) => [name, Uint8Array.from(floats(state, maskOf(name)))]))
}

function sparsities(masks: Masks): WeightSparsity[] {
  return Object.entries(masks)
    .filter(([name]) => isScored(name))
    .map(([name, mask]) => ({
      ...{ name, weights: mask.length },
      removed: mask.length - mask.reduce((sum, bit) => sum + bit, 0),
    }))
}

/** Share of all the weights in the list that is removed; 0 for none. */
export function sparsityOf(list: readonly WeightSparsity[]): number {
  const weights = list.reduce((sum, each) => sum + each.weights, 0)
  return weights === 0 ? 0 : list.reduce((sum, each) => sum + each.removed, 0) / weights
}

function like(state: StoredTensors, name: string, values: Float32Array<ArrayBuffer>): StoredTensor {
  return { type: 'float32', shape: state[name]?.shape ?? [], values }
}

function floats(tensors: StoredTensors, name: string): Float32Array {
  const values = tensors[name]?.values
  if (!(values instanceof Float32Array)) throw new Error(`state '${name}' is not float32`)
  return values
}
