import { nonFiniteBudgetOf } from '../contracts/clipping.js'
import type { StoredTensors } from '../formats/safetensors.js'
import type { Journal } from './journal.js'
import { locateNonFinite, nonFiniteFailure } from './non-finite.js'
import type { Call, Run } from './run.js'
import { TrainingFailure } from './training-failure.js'

/** Looking for the place runs the batch once more, so it is done for the first ones only. */
const MAX_LOCATED = 10

/** What is done when a gradient or the loss is NaN or infinite. */
export interface NonFinitePolicy {
  /** To be called before each step: keeps the state that a rollback goes back to, where a checkpoint is due. */
  before(step: number): void
  /** @throws TrainingFailure NON_FINITE_GRADIENT under the policy `fail`, and when the budget is spent */
  handle(step: number, call: Call, journal: Journal): void
  /** For a checkpoint after `done` updates: what `before` has kept, unless that is the state of now. */
  lastGood(done: number): StoredTensors | null
}

export function makeNonFinitePolicy(run: Run): NonFinitePolicy {
  const { clipping, checkpoints } = run.plan.spec
  const policy = clipping.onNonFinite
  const budget = nonFiniteBudgetOf(clipping)
  let good: { step: number; state: StoredTensors } | null = run.lastGood
    ? { step: run.step - (run.step % checkpoints.everySteps), state: run.lastGood }
    : null

  function rollBack(step: number): number {
    if (!good) throw new Error('there is no state to roll back to')
    run.session.set(good.state)
    // Masks that were set since then are set once more: the schedule does not wait.
    for (let at = step; at >= good.step; at--)
      if (run.pruner?.isUpdateStep(at)) {
        run.pruner.update(run.session, at)
        break
      }
    return good.step
  }

  return {
    before(step) {
      if (policy === 'rollback' && step % checkpoints.everySteps === 0 && good?.step !== step)
        good = { step, state: run.session.get(run.mutable) }
    },
    handle(step, { rows, draw }, journal) {
      const state = { ...run.data.state, ...run.session.get(run.mutable) }
      if (policy === 'fail') throw nonFiniteFailure(run.parts, state, { step, rows, draw })
      const occurrences = journal.running().nonFiniteSteps + 1
      const where = occurrences <= MAX_LOCATED ? locateNonFinite(run.parts, state, { rows, draw }) : null
      if (occurrences > budget)
        throw new TrainingFailure(
          'NON_FINITE_GRADIENT',
          `step ${step}: gradients were not finite for the ${occurrences}th time, and /clipping/nonFiniteBudget is ${budget}${where ? `; ${where}` : ''}. Lower the learning rate or the threshold, or raise the budget.`,
          step,
        )
      const { rateFactor } = journal.running()
      const told = { policy, budget, ...(where ? { where } : {}) }
      if (policy !== 'rollback') return journal.nonFinite(step, told, rateFactor)
      const factor = rateFactor * clipping.learningRateFactor
      journal.nonFinite(step, { ...told, restoredStep: rollBack(step), learningRateFactor: factor }, factor)
    },
    lastGood: (done) => (policy === 'rollback' && good && good.step !== done ? good.state : null),
  }
}
