import type { SparsitySchedule as ScheduleSpec } from '../../contracts/sparsity-schedule.js'
import { problem } from '../../errors.js'

/** When masks are set anew, and how sparse they are then. Steps count from 0; an update happens before its step. */
export interface SparsitySchedule {
  readonly lastUpdateStep: number
  isUpdateStep(step: number): boolean
  /** Fraction removed, in [0, 1): the target of the step, whether or not it updates the masks. */
  sparsityAt(step: number): number
}

export interface ScheduleContext {
  /** Of the whole job. */
  readonly steps: number
  /** Where the schedule names no sparsity: that of the granularity, or 0 where a selection decides. */
  readonly sparsity: number
}

type Of<K extends ScheduleSpec['kind']> = Extract<ScheduleSpec, { kind: K }>
type Gradual = Of<'polynomial' | 'exponential' | 'cosine'>

/** @throws SPEC_OUT_OF_RANGE if a schedule ends before it begins, a gradual one if it does not end after. */
export function makeSparsitySchedule(spec: ScheduleSpec, context: ScheduleContext): SparsitySchedule {
  switch (spec.kind) {
    case 'one-shot':
      return oneShot(spec, context)
    case 'constant':
      return constant(spec, context)
    case 'multi-step':
      return multiStep(spec)
    case 'iterative':
      return iterative(spec)
    default:
      return gradual(spec)
  }
}

/** Sparsity 0 before `beginStep`, `finalSparsity` from there on; one update. */
function oneShot({ beginStep, finalSparsity }: Of<'one-shot'>, { sparsity }: ScheduleContext): SparsitySchedule {
  return {
    lastUpdateStep: beginStep,
    isUpdateStep: (step) => step === beginStep,
    sparsityAt: (step) => (step < beginStep ? 0 : (finalSparsity ?? sparsity)),
  }
}

/** The sparsity of `one-shot`, set anew at begin, begin + frequency, … up to end. @see `ConstantSparsity` of TF-MOT. */
function constant(spec: Of<'constant'>, { steps, sparsity }: ScheduleContext): SparsitySchedule {
  const { beginStep, endStep = steps - 1, frequency, finalSparsity } = spec
  if (beginStep > endStep)
    throw problem('SPEC_OUT_OF_RANGE', `the pruning schedule ends at step ${endStep}, before it begins`, [
      { pointer: '/pruning/schedule/endStep', detail: `must not be below beginStep (${beginStep})` },
    ])
  return {
    lastUpdateStep: beginStep + Math.floor((endStep - beginStep) / frequency) * frequency,
    isUpdateStep: (step) => step >= beginStep && step <= endStep && (step - beginStep) % frequency === 0,
    sparsityAt: (step) => (step < beginStep ? 0 : (finalSparsity ?? sparsity)),
  }
}

/** From one milestone to the next the sparsity of the former; 0 before the first. */
function multiStep({ milestones }: Of<'multi-step'>): SparsitySchedule {
  return {
    lastUpdateStep: milestones.at(-1)?.step ?? 0,
    isUpdateStep: (step) => milestones.some((milestone) => milestone.step === step),
    sparsityAt: (step) => milestones.findLast((milestone) => milestone.step <= step)?.sparsity ?? 0,
  }
}

/** After round k of n a share of (1 − final)^(k / n) is left. @see Frankle, Carbin, "The lottery ticket hypothesis", 2019. */
function iterative({ finalSparsity, rounds, beginStep, stepsPerRound }: Of<'iterative'>): SparsitySchedule {
  const roundsAt = (step: number) => Math.min(rounds, Math.floor((step - beginStep) / stepsPerRound) + 1)
  const lastUpdateStep = beginStep + (rounds - 1) * stepsPerRound
  return {
    lastUpdateStep,
    isUpdateStep: (step) => step >= beginStep && step <= lastUpdateStep && (step - beginStep) % stepsPerRound === 0,
    sparsityAt: (step) => (step < beginStep ? 0 : 1 - (1 - finalSparsity) ** (roundsAt(step) / rounds)),
  }
}

/**
 * The curve between `beginStep` and `endStep`, constant outside. Updates at begin, begin + frequency, …, and at end, so that the final
 * sparsity is reached whatever the frequency.
 */
function gradual(spec: Gradual): SparsitySchedule {
  const { beginStep, endStep, frequency } = spec
  if (beginStep >= endStep) {
    throw problem('SPEC_OUT_OF_RANGE', `the pruning schedule ends at step ${endStep}, not after it begins`, [
      { pointer: '/pruning/schedule/endStep', detail: `must be greater than beginStep (${beginStep})` },
    ])
  }
  return {
    lastUpdateStep: endStep,
    isUpdateStep: (step) =>
      step === endStep || (step >= beginStep && step < endStep && (step - beginStep) % frequency === 0),
    sparsityAt: (step) => curve(spec, Math.min(1, Math.max(0, (step - beginStep) / (endStep - beginStep)))),
  }
}

/**
 * @param progress From 0 to 1, where the sparsity is exactly the final one.
 * @see Zhu, Gupta, "To prune, or not to prune: exploring the efficacy of pruning for model compression", 2017, for `polynomial`.
 */
function curve(spec: Gradual, progress: number): number {
  const { initialSparsity: initial, finalSparsity: final } = spec
  if (progress === 1) return final
  switch (spec.kind) {
    case 'polynomial':
      return final + (initial - final) * (1 - progress) ** spec.power
    case 'exponential':
      return 1 - (1 - initial) * ((1 - final) / (1 - initial)) ** progress
    case 'cosine':
      return final + ((initial - final) * (1 + Math.cos(Math.PI * progress))) / 2
  }
}
