import { nonFiniteBudgetOf } from '../contracts/clipping.js'
import type { GoodState } from './checkpoint.js'
import type { Outputs } from './engine/types.js'
import type { Journal } from './journal.js'
import { show } from './ledger/words.js'
import { locateInState, locateNonFinite, remedyFor, stateFailure } from './non-finite.js'
import type { Call, Run } from './run.js'
import { TrainingFailure } from './training-failure.js'
import { LARGEST_FLOAT } from './transforms/norms.js'

/** Looking for the place runs mini-batches once more, so it is done for the first steps only, and for one that ends the job. */
const MAX_LOCATED = 10
/** States to roll back to: where the newest fails again, it was close to what makes it fail. */
const MAX_GOOD = 2

/** What is done when a gradient or the loss is NaN or infinite. */
export interface NonFinitePolicy {
  /**
   * To be called before each step: where a checkpoint is due, looks whether the state is finite, and keeps it for a rollback.
   * @throws TrainingFailure DIVERGED if it is not finite, under `rollback` NON_FINITE_GRADIENT if the budget is spent
   */
  before(step: number, journal: Journal): void
  /**
   * For a step that was refused or mended; `calls` are its mini-batches, `outputs` those of the last.
   * @throws TrainingFailure NON_FINITE_GRADIENT under the policy `fail`, and when the budget is spent
   */
  handle(step: number, calls: readonly Call[], outputs: Outputs, journal: Journal): void
  /** For a checkpoint after `done` updates: what `before` has kept, without the state of now. */
  good(done: number): readonly GoodState[]
}

export function makeNonFinitePolicy(run: Run): NonFinitePolicy {
  const { clipping, checkpoints } = run.plan.spec
  const policy = clipping.onNonFinite
  const budget = nonFiniteBudgetOf(clipping)
  let good = run.good

  /** To the newest state; to the one before, if there is one, when the newest has failed again. @returns its step */
  function rollBack(step: number): number {
    const usable = good.length > 1 && good.at(-1)?.wasRestored ? good.slice(0, -1) : good
    const last = usable.at(-1)
    if (!last) throw new Error('there is no state to roll back to')
    good = [...usable.slice(0, -1), { ...last, wasRestored: true }]
    run.session.set(last.state)
    // Masks that were set since then are set once more: the schedule does not wait.
    run.pruner?.replay(run.session, last.step, step)
    return last.step
  }

  function respond(step: number, journal: Journal, locate: () => string): void {
    const { nonFiniteSteps, rateFactor } = journal.running()
    const occurrences = nonFiniteSteps + 1
    const isOver = occurrences > budget
    const where = isOver || occurrences <= MAX_LOCATED ? locate() : null
    const told = { policy, budget, ...(where === null ? {} : { where }) }
    if (isOver || policy !== 'rollback') journal.nonFinite(step, told, rateFactor)
    else {
      const factor = rateFactor * clipping.learningRateFactor
      journal.nonFinite(step, { ...told, restoredStep: rollBack(step), learningRateFactor: factor }, factor)
    }
    if (isOver) throw failure(step, occurrences, where ?? '')
  }

  function failure(step: number, occurrences: number, where: string): TrainingFailure {
    const remedy =
      step === 0
        ? 'No update came before: look at the data, the loss and the initial weights.'
        : remedyFor(run.parts.spec)
    const spent =
      policy === 'fail'
        ? ''
        : ` Steps that were not finite so far: ${occurrences}; /clipping/nonFiniteBudget is ${budget}.`
    return new TrainingFailure('NON_FINITE_GRADIENT', `step ${step}: ${where}.${spent} ${remedy}`, step)
  }

  return {
    before(step, journal) {
      if (step % checkpoints.everySteps !== 0) return
      const state = run.session.get(run.mutable)
      const broken = locateInState(run.parts, state)
      if (policy === 'rollback') {
        if (broken === null) good = [...good, { step, state, wasRestored: false }].slice(-MAX_GOOD)
        else respond(step, journal, () => broken)
      } else if (broken !== null) throw stateFailure(run.parts, broken, step - 1)
    },
    handle(step, calls, outputs, journal) {
      respond(step, journal, () => {
        const state = { ...run.data.state, ...run.session.get(run.mutable) }
        for (const call of calls) {
          const where = locateNonFinite(run.parts, state, call)
          if (where !== null) return where
        }
        return overflow(outputs)
      })
    },
    good: (done) => good.filter(({ step }) => step !== done),
  }
}

/** Why an update was refused or mended each of whose mini-batches is finite when it is run once more. */
function overflow({ nonFinite, gradientNorm, gradientNormAfter }: Outputs): string {
  const zeroed = nonFinite?.[0] ?? 0
  if (zeroed > 0) return `${zeroed} elements of the gradients were NaN or infinite`
  if (!Number.isFinite(gradientNorm?.[0])) return 'the sum of the gradients of the mini-batches is NaN or infinite'
  const norm = gradientNormAfter?.[0] ?? 0
  return norm ** 2 > LARGEST_FLOAT
    ? `the norm of the gradients after clipping is ${show(norm)}, whose square no float32 holds`
    : 'moving statistics would become NaN or infinite'
}
