import { type Evaluation, evaluate } from './evaluate.js'
import { type Journal, makeJournal, type StepRecord } from './journal.js'
import { evaluationFailure, nonFiniteFailure, weightsFailure } from './non-finite.js'
import { makePause, type Pause } from './pause.js'
import { deliver } from './result.js'
import { openRun, type Run } from './run.js'
import type { TrainOptions, TrainOutcome } from './training.js'

export type { TrainOptions, TrainOutcome, TrainReport } from './training.js'

/** A run under way, and what can end it early. */
interface Course {
  readonly run: Run
  readonly journal: Journal
  readonly pause: Pause
  readonly signal: AbortSignal
}

/**
 * Trains to the end, or until `signal`. A run that was stopped and resumed gives the same bits as one that was not.
 * @throws TrainingFailure NON_FINITE_GRADIENT, DIVERGED, DATASET_INVALID or CHECKPOINT_INVALID; EspalierError of planning and engine.
 */
export async function train(options: TrainOptions): Promise<TrainOutcome> {
  const { signal, report } = options
  const run = openRun(options)
  try {
    const { plan, pins, formerPins, data } = run
    report.started(pins, plan.steps, plan.parameters)
    if (formerPins) report.event('training.pins-changed', { before: formerPins, now: pins })
    const course: Course = { run, journal: makeJournal(run, report), pause: makePause(), signal }
    const { journal } = course
    if (run.raced) await journal.save(0)

    const { done, msPerStep } = await takeSteps(course)
    if (done < plan.steps) return { kind: 'stopped', step: done }
    await closeTraining(course)

    const stopped = { kind: 'stopped', step: plan.steps } as const
    const validation = await evaluateAfter(course, plan.steps, 'validation', data.validationRows)
    if (validation.kind === 'stopped') return stopped
    if (validation.means) journal.validated(plan.steps - 1, validation.means)
    // By itself, so that a further attempt writes the very same chunk.
    journal.flush()
    const test = await evaluateAfter(course, plan.steps, 'test', data.testRows)
    if (test.kind === 'stopped') return stopped
    const measured = { running: journal.running(), validation: validation.means, test: test.means, msPerStep }
    return { kind: 'succeeded', result: await deliver(run, options, measured) }
  } finally {
    run.session.close()
  }
}

/** `done` counts updates, those of former attempts too; fewer than planned if the signal stopped them. */
async function takeSteps(course: Course): Promise<{ done: number; msPerStep: number }> {
  const { run, journal, pause, signal } = course
  const { plan, session, pruner, batches } = run
  const { everySteps } = plan.spec.checkpoints
  let busyMs = 0
  const stopAt = async (done: number, validationDue = false) => {
    if (keepsCheckpoint(signal.reason)) await journal.save(done, validationDue)
    return { done, msPerStep: busyMs / Math.max(1, done - run.step) }
  }
  if (run.validationDue) {
    if (!(await validateEpoch(course, run.step))) return stopAt(run.step, true)
    // By itself, so that a further attempt from the same checkpoint writes the very same chunk.
    journal.flush()
  }

  for (let step = run.step; step < plan.steps; step++) {
    await pause()
    if (signal.aborted) return stopAt(step)
    if (step % everySteps === 0) await journal.save(step)

    const began = performance.now()
    if (pruner?.isUpdateStep(step)) {
      pruner.update(session, step)
      journal.pruned(step, pruner.measure(session))
    }
    journal.step(step, update(run, step))
    busyMs += performance.now() - began

    const done = step + 1
    const isEndOfEpoch = done % batches.stepsPerEpoch === 0
    if (isEndOfEpoch && done < plan.steps && !(await validateEpoch(course, done))) return stopAt(done, true)
    journal.tick(done)
  }
  return { done: plan.steps, msPerStep: busyMs / Math.max(1, plan.steps - run.step) }
}

/** @returns false if the signal stopped it; then nothing of it is recorded */
async function validateEpoch(course: Course, done: number): Promise<boolean> {
  const validation = await evaluateAfter(course, done, 'validation', course.run.data.validationRows)
  if (validation.kind === 'stopped') return false
  if (validation.means) course.journal.validated(done - 1, validation.means)
  return true
}

/** What comes after the last step is repeated by itself if it is interrupted. */
async function closeTraining({ run, journal }: Course): Promise<void> {
  const failure = weightsFailure(run.parts, run.session, run.plan.steps - 1)
  if (failure) throw failure
  if (run.step < run.plan.steps) journal.finish(run.plan.steps)
  await journal.save(run.plan.steps)
}

/** @throws TrainingFailure DIVERGED if a mean would not be finite */
function evaluateAfter(
  { run, pause, signal }: Course,
  done: number,
  split: 'validation' | 'test',
  rows: Int32Array,
): Promise<Evaluation> {
  const notFinite = (batch: Int32Array) => evaluationFailure(run.parts, stateOf(run), { step: done - 1, split, batch })
  return evaluate(run, rows, { pause, signal, notFinite })
}

/** Nobody will go on from a cancelled job, and who lost the lease may not write. */
function keepsCheckpoint(reason: unknown): boolean {
  return reason !== 'cancel' && reason !== 'lost-lease'
}

/** @throws TrainingFailure NON_FINITE_GRADIENT, with the state left as it was */
function update(run: Run, step: number): StepRecord {
  const { signature, feeds, rows, learningRate } = run.feeds(step)
  const outputs = run.session.run(signature, feeds)
  const scalar = (name: string) => outputs[name]?.[0] ?? Number.NaN
  const loss = scalar('loss')
  const gradientNorm = scalar('gradientNorm')
  if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm))
    throw nonFiniteFailure(run.parts, stateOf(run), step, rows)
  const means: Record<string, number> = { loss }
  for (const name of run.plan.spec.metrics ?? []) means[name] = scalar(name) / rows.length
  return {
    examples: rows.length,
    means,
    learningRate,
    gradientNorm,
    clipScale: scalar('clipScale'),
    clipped: scalar('clipped'),
  }
}

function stateOf(run: Run) {
  return { ...run.data.state, ...run.session.get(run.mutable) }
}
