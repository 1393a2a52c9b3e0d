import type { SparsitySchedule as ScheduleSpec } from '../../contracts/pruning.js'
import { problem } from '../../errors.js'

/** When masks are set anew, and how sparse they are then. Steps count from 0; an update happens before its step. */
export interface SparsitySchedule {
  isUpdateStep(step: number): boolean
  /** Fraction removed, in [0, 1): the target of the step, whether or not it updates the masks. */
  sparsityAt(step: number): number
}

type Polynomial = Extract<ScheduleSpec, { kind: 'polynomial' }>
type OneShot = Extract<ScheduleSpec, { kind: 'one-shot' }>

/** @throws SPEC_OUT_OF_RANGE if the schedule does not end after it begins. */
export function makeSparsitySchedule(spec: ScheduleSpec): SparsitySchedule {
  return spec.kind === 'one-shot' ? oneShot(spec) : polynomial(spec)
}

/** Sparsity 0 before `beginStep`, `finalSparsity` from there on; one update. */
function oneShot({ beginStep, finalSparsity }: OneShot): SparsitySchedule {
  return {
    isUpdateStep: (step) => step === beginStep,
    sparsityAt: (step) => (step < beginStep ? 0 : finalSparsity),
  }
}

/**
 * s = final + (initial − final) · (1 − (step − begin) / (end − begin))^power between `beginStep` and `endStep`, constant outside.
 * Updates at begin, begin + frequency, …, and at end, so that the final sparsity is reached whatever the frequency.
 * @see Zhu, Gupta, "To prune, or not to prune: exploring the efficacy of pruning for model compression", 2017.
 */
function polynomial(spec: Polynomial): SparsitySchedule {
  const { initialSparsity, finalSparsity, beginStep, endStep, frequency, power } = spec
  if (beginStep >= endStep) {
    throw problem('SPEC_OUT_OF_RANGE', `the pruning schedule ends at step ${endStep}, not after it begins`, [
      { pointer: '/pruning/schedule/endStep', detail: `must be greater than beginStep (${beginStep})` },
    ])
  }
  return {
    isUpdateStep: (step) =>
      step === endStep || (step >= beginStep && step < endStep && (step - beginStep) % frequency === 0),
    sparsityAt(step) {
      const progress = Math.min(1, Math.max(0, (step - beginStep) / (endStep - beginStep)))
      return finalSparsity + (initialSparsity - finalSparsity) * (1 - progress) ** power
    },
  }
}
