import type { DatasetSchema } from '../contracts/dataset.js'
import { isBatchMetric } from '../contracts/metric-name.js'
import { removesUnits } from '../contracts/pruning-granularity.js'
import type { Outputs } from './engine/types.js'
import { type Evaluation, evaluate } from './evaluate.js'
import { fileBytes } from './export.js'
import { type Journal, makeJournal } from './journal.js'
import { evaluationFailure, locateInState, stateFailure } from './non-finite.js'
import { makeNonFinitePolicy, type NonFinitePolicy } from './non-finite-policy.js'
import { makePause, type Pause } from './pause.js'
import { rebuild } from './rebuild.js'
import { deliver, finalValues } from './result.js'
import { openRun, type Run } from './run.js'
import type { TrainOptions, TrainOutcome } from './training.js'
import { makeWatch, type Watch } from './watch.js'

export type { TrainOptions, TrainOutcome, TrainReport } from './training.js'

/** A run under way, and what can end it early. */
interface Course {
  readonly run: Run
  readonly schema: DatasetSchema
  readonly journal: Journal
  readonly policy: NonFinitePolicy
  readonly watch: Watch
  readonly pause: Pause
  readonly signal: AbortSignal
}

/**
 * Trains to the end, or until `signal`. A run that was stopped and resumed gives the same bits as one that was not.
 * @throws TrainingFailure NON_FINITE_GRADIENT, DIVERGED, DATASET_INVALID or CHECKPOINT_INVALID; EspalierError of planning and engine.
 */
export async function train(options: TrainOptions): Promise<TrainOutcome> {
  let { resume } = options
  for (let isFirst = true; ; isFirst = false) {
    const outcome = await trainNetwork({ ...options, resume }, isFirst)
    if (outcome.kind !== 'rebuilt') return outcome
    resume = outcome.resume
  }
}

type NetworkOutcome = TrainOutcome | { readonly kind: 'rebuilt'; readonly resume: NonNullable<TrainOptions['resume']> }

/** Until the job ends, or its network is made smaller: then it goes on as if from a checkpoint. */
async function trainNetwork(options: TrainOptions, isFirst: boolean): Promise<NetworkOutcome> {
  const run = openRun(options)
  try {
    const course = makeCourse(run, options)
    try {
      return await follow(course, options, isFirst)
    } catch (error) {
      course.journal.close()
      throw error
    }
  } finally {
    run.session.close()
  }
}

async function follow(course: Course, options: TrainOptions, isFirst: boolean): Promise<NetworkOutcome> {
  const { run, journal, watch } = course
  const { plan, pins, formerPins, data } = run
  if (isFirst) options.report.started(pins, plan.steps, plan.parameters)
  if (formerPins) options.report.event('training.pins-changed', { before: formerPins, now: pins })
  if (run.raced) await journal.save(0)

  const { done, end, msPerStep } = await takeSteps(course)
  if (end === 'stopped') return { kind: 'stopped', step: done }
  if (end !== 'over') return { kind: 'rebuilt', resume: { step: done, checkpoint: journal.rebuilt(done, end) } }
  journal.finish(done)
  const broken = locateInState(run.parts, run.session.get(run.mutable))
  if (broken !== null) throw stateFailure(run.parts, broken, done - 1)
  // What comes after the last step is repeated by itself if it is interrupted.
  await journal.save(done)
  const stopped = { kind: 'stopped', step: done } as const
  let validation = await evaluateAfter(course, done, 'validation', data.validationRows)
  if (validation.kind === 'stopped') return stopped
  // A job that ended early has recorded this evaluation already.
  if (journal.running().endedAt === null) {
    if (validation.means) journal.validated(done - 1, validation.means)
    watch.evaluated(done, validation.means)
  }
  if (watch.restoreBest()) validation = await evaluateAfter(course, done, 'validation', data.validationRows)
  if (validation.kind === 'stopped') return stopped
  // By itself, so that a further attempt writes the very same chunk.
  journal.flush()
  const test = await evaluateAfter(course, done, 'test', data.testRows)
  if (test.kind === 'stopped') return stopped
  const measured = { running: journal.running(), validation, test, msPerStep }
  return { kind: 'succeeded', result: await deliver(run, options, measured) }
}

function makeCourse(run: Run, { schema, signal, report }: TrainOptions): Course {
  const policy = makeNonFinitePolicy(run)
  const watch = makeWatch(run, () => journal, report)
  const journal = makeJournal(run, report, { best: watch.best, good: policy.good })
  return { run, schema, journal, policy, watch, pause: makePause(), signal }
}

/** `done` counts updates, those of former attempts too; `end`: the job is over, the signal stopped it, or the network to go on with. */
async function takeSteps(course: Course): Promise<{ done: number; end: End; msPerStep: number }> {
  const { run, journal, policy, pause, signal } = course
  const { plan } = run
  const { everySteps } = plan.spec.checkpoints
  let busyMs = 0
  const at = (done: number, end: End) => ({ done, end, msPerStep: busyMs / Math.max(1, done - run.step) })
  const stopAt = async (done: number, validationDue = false) => {
    if (keepsCheckpoint(signal.reason)) await journal.save(done, validationDue)
    journal.close()
    return at(done, 'stopped')
  }
  const { endedAt } = journal.running()
  if (endedAt !== null) return at(endedAt, 'over')
  if (run.validationDue) {
    const validated = await validate(course, run.step)
    if (validated === 'stopped') return stopAt(run.step, true)
    // By itself, so that a further attempt from the same checkpoint writes the very same chunk.
    journal.flush()
    if (validated === 'over') return at(run.step, 'over')
  }

  for (let step = run.step; step < plan.steps; step++) {
    await pause()
    if (signal.aborted) return stopAt(step)
    policy.before(step, journal)
    if (step % everySteps === 0) await journal.save(step)

    const began = performance.now()
    const smaller = await prune(course, step)
    if (smaller) return at(step, smaller)
    update(course, step)
    busyMs += performance.now() - began

    const done = step + 1
    journal.tick(done)
    if (isEvaluated(run, done) && done < plan.steps) {
      const validated = await validate(course, done)
      if (validated === 'stopped') return stopAt(done, true)
      if (validated === 'over') return at(done, 'over')
    }
  }
  return at(plan.steps, 'over')
}

type End = 'over' | 'stopped' | NonNullable<ReturnType<typeof rebuild>>

/** Updates the masks if they are due before `step`. @returns The smaller network to go on with, after the last update of units that are to be removed */
async function prune(
  { run, schema, journal, watch, pause }: Course,
  step: number,
): Promise<ReturnType<typeof rebuild>> {
  const { pruner, session, plan } = run
  const { pruning } = plan.spec
  if (!pruner || !pruning) return null
  // Short, and it must not be left half-way: no signal stops it.
  const isRound = pruner.isRound(step)
  const measured = async () => (isRound ? meansOfNow(run, pause, step) : null)
  const unpruned = pruner.isUpdate(step) ? (journal.running().unpruned ?? fileBytes(finalValues(run))) : null
  const before = await measured()
  const record = pruner.before(session, step)
  if (!record) return null
  const after = await measured()
  journal.pruned(step, record, { round: isRound ? { before, after } : null, unpruned })
  watch.pruned()
  const isLast = step === pruner.lastUpdateStep
  return isLast && pruning.compact && removesUnits(pruning.granularity) ? rebuild(run, schema, step) : null
}

/** On the rows held out, else on those of the test split; null if there are neither. */
async function meansOfNow(run: Run, pause: Pause, step: number): Promise<Record<string, number> | null> {
  const { validationRows, testRows } = run.data
  const split = validationRows.length > 0 ? 'validation' : 'test'
  const notFinite = (batch: Int32Array) => evaluationFailure(run.parts, stateOf(run), { step, split, batch })
  const rows = split === 'validation' ? validationRows : testRows
  const evaluation = await evaluate(run, rows, { pause, signal: new AbortController().signal, notFinite })
  return evaluation.kind === 'done' ? evaluation.means : null
}

/** Every so many steps if the spec says so, else at the end of each epoch. */
function isEvaluated({ plan, batches }: Run, done: number): boolean {
  return done % (plan.spec.validation.everySteps ?? batches.stepsPerEpoch) === 0
}

/** `stopped` by the signal: then nothing of it is recorded; `over`: the job ends early. */
async function validate(course: Course, done: number): Promise<'stopped' | 'over' | 'done'> {
  const validation = await evaluateAfter(course, done, 'validation', course.run.data.validationRows)
  if (validation.kind === 'stopped') return 'stopped'
  if (validation.means) course.journal.validated(done - 1, validation.means)
  return course.watch.evaluated(done, validation.means) ? 'over' : 'done'
}

/** @throws TrainingFailure DIVERGED if the loss is not finite */
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
export function keepsCheckpoint(reason: unknown): boolean {
  return reason !== 'cancel' && reason !== 'lost-lease'
}

/** @throws TrainingFailure NON_FINITE_GRADIENT, by the policy */
function update({ run, journal, policy }: Course, step: number): void {
  const { plateau, rateFactor } = journal.running()
  const { learningRate, calls } = run.calls(step, { plateauFactor: plateau.factor, rateFactor })
  const names = run.plan.spec.metrics.filter(isBatchMetric)
  const means: Record<string, number> = Object.fromEntries(['loss', ...names].map((name) => [name, 0]))
  const examples = calls.reduce((sum, { rows }) => sum + rows.length, 0)
  let clipping: Outputs = {}
  for (const call of calls) {
    const outputs = run.execute(call)
    const scalar = (name: string) => outputs[name]?.[0] ?? Number.NaN
    const share = call.rows.length / examples
    means.loss = (means.loss ?? 0) + scalar('loss') * share
    for (const name of names) means[name] = (means[name] ?? 0) + scalar(name) / examples
    clipping = outputs
  }
  const isZeroed = (clipping.nonFinite?.[0] ?? 0) > 0
  if (isZeroed || clipping.accepted?.[0] !== 1) policy.handle(step, calls, clipping, journal)
  else journal.step(step, { examples, means, learningRate, clipping })
}

function stateOf(run: Run) {
  return { ...run.data.state, ...run.session.get(run.mutable) }
}
