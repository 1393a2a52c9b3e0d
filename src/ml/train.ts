import { evaluate } from './evaluate.js'
import { type Journal, makeJournal, type StepRecord } from './journal.js'
import { nonFiniteFailure } from './non-finite.js'
import { makePause, type Pause } from './pause.js'
import { deliver } from './result.js'
import { openRun, type Run } from './run.js'
import type { TrainOptions, TrainOutcome } from './training.js'

export type { TrainOptions, TrainOutcome, TrainReport } from './training.js'

/**
 * Trains to the end, or until `signal`. A run that was stopped and resumed gives the same bits as one that was not.
 * @throws TrainingFailure NON_FINITE_GRADIENT, DATASET_INVALID or CHECKPOINT_INVALID; EspalierError of planning and engine.
 */
export async function train(options: TrainOptions): Promise<TrainOutcome> {
  const { signal, report } = options
  const run = openRun(options)
  try {
    const { plan, session, pins, formerPins, data } = run
    report.started(pins, plan.steps, plan.parameters)
    if (formerPins) report.event('training.pins-changed', { before: formerPins, now: pins })
    const journal = makeJournal(run, report)
    const pause = makePause()

    const { done, msPerStep } = await takeSteps(run, journal, pause, signal)
    if (done < plan.steps) return { kind: 'stopped', step: done }

    const validation = await evaluate(session, data.validationRows, pause)
    if (validation) journal.validated(plan.steps - 1, validation)
    journal.finish(plan.steps)
    const test = await evaluate(session, data.testRows, pause)
    const result = await deliver(run, options, { running: journal.running(), validation, test, msPerStep })
    return { kind: 'succeeded', result }
  } finally {
    run.session.close()
  }
}

/** `done` counts updates, those of former attempts too; fewer than planned if `signal` stopped them. */
async function takeSteps(
  run: Run,
  journal: Journal,
  pause: Pause,
  signal: AbortSignal,
): Promise<{ done: number; msPerStep: number }> {
  const { plan, session, pruner, batches, data } = run
  const { everySteps } = plan.spec.checkpoints
  let busyMs = 0
  const msPerStep = (done: number) => busyMs / Math.max(1, done - run.step)

  for (let step = run.step; step < plan.steps; step++) {
    await pause()
    if (signal.aborted) {
      if (keepsCheckpoint(signal.reason)) await journal.save(step)
      return { done: step, msPerStep: msPerStep(step) }
    }
    if (step % everySteps === 0) await journal.save(step)

    const began = performance.now()
    if (pruner?.isUpdateStep(step)) {
      pruner.update(session, step)
      journal.pruned(step, pruner.measure(session))
    }
    journal.step(step, update(run, step))
    busyMs += performance.now() - began

    const isEndOfEpoch = (step + 1) % batches.stepsPerEpoch === 0
    if (isEndOfEpoch && step + 1 < plan.steps) {
      const validation = await evaluate(session, data.validationRows, pause)
      if (validation) journal.validated(step, validation)
    }
    journal.tick(step + 1)
  }
  return { done: plan.steps, msPerStep: msPerStep(plan.steps) }
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
  if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
    const state = { ...run.data.state, ...run.session.get(run.mutable) }
    throw nonFiniteFailure(run.parts, state, step, rows)
  }
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
