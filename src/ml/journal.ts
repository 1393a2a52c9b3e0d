import type { StoredTensors } from '../formats/safetensors.js'
import { encodeCheckpoint, type GoodState } from './checkpoint.js'
import type { Outputs } from './engine/types.js'
import { makeLedger } from './ledger/ledger.js'
import { makeMetricBuffer } from './metric-buffer.js'
import { finishMeans } from './metrics/make-metric.js'
import { makeProgressMeter } from './progress.js'
import { type PruneRecord, sparsityOf } from './pruner.js'
import { type Rebuilt, sparsitiesOf } from './rebuild.js'
import type { Run } from './run.js'
import { addStep, type Running } from './running.js'
import type { TrainReport } from './training.js'

/** What one update gave; `means` are over its `examples`. */
export interface StepRecord {
  readonly examples: number
  readonly means: Readonly<Record<string, number>>
  readonly learningRate: number
  /** What clipping tells: see `infoOf` in transforms/report.ts. */
  readonly clipping: Outputs
}

/** Counts what happens in a run and tells it: metrics, progress, events, checkpoints, in an order in which no series reaches over a checkpoint. */
export interface Journal {
  step(step: number, record: StepRecord): void
  /** A step whose gradient or loss was not finite, and what was done about it; `rateFactor`: of the learning rate from now on. */
  nonFinite(step: number, data: Record<string, unknown>, rateFactor: number): void
  validated(step: number, means: Readonly<Record<string, number>>): void
  /** `round`: null unless the update is one, with the means before and after it, which are null where there are no rows to measure on; `unpruned`: files just before the first update. */
  pruned(
    step: number,
    record: PruneRecord,
    measured: { round: { before: Means | null; after: Means | null } | null; unpruned: Running['unpruned'] },
  ): void
  /** The network was made smaller after `done` updates. @returns The checkpoint to go on from. */
  rebuilt(done: number, smaller: { readonly rebuilt: Rebuilt; readonly state: StoredTensors }): Uint8Array
  /** After each step; about twice a second, progress and metrics. `done` counts updates. */
  tick(done: number): void
  /** After the last step: all that is left of metrics, and the last progress. */
  finish(done: number): void
  /** All that is left of metrics. */
  flush(): void
  /** The attempt ends before the job is done: metrics, progress and report as they stand after the last tick. */
  close(): void
  /**
   * A checkpoint of the state after `done` updates, unless the run began with it or has saved it; metrics are flushed first.
   * `validationDue`: the epoch before it was not validated.
   */
  save(done: number, validationDue?: boolean): Promise<void>
  running(): Running
  /** Changes what is counted; for what is decided after an evaluation. */
  note(changes: Partial<Running>): void
}

type Means = Record<string, number>

/** What a checkpoint holds besides the state of the session. */
export interface Kept {
  best(): StoredTensors | null
  /** The states to roll back to after `done` updates, without that of now. */
  good(done: number): readonly GoodState[]
}

export function makeJournal(
  run: Run,
  report: Pick<TrainReport, 'metrics' | 'progress' | 'event' | 'checkpoint' | 'report'>,
  kept: Kept,
): Journal {
  const { plan, parts, batches, session, pins } = run
  const { clipping, optimizer } = plan.spec
  const ledger = makeLedger({
    ...{ model: parts.model, clipping, optimizer, steps: plan.steps },
    state: run.running.ledger ?? undefined,
  })
  const buffer = makeMetricBuffer()
  const meter = makeProgressMeter(run.step)
  let running = run.running
  let ticked = run.step
  let sparsity = sparsityOf(sparsitiesOf(run))
  // The choice of a race is in no checkpoint yet.
  let saved = run.raced ? null : run.step

  const flush = () => {
    const series = buffer.drain()
    if (series.length > 0) report.metrics(series)
  }
  const tell = (done: number, remaining: number | null) => {
    flush()
    const epoch = batches.epochOf(Math.max(0, done - 1))
    const clippedStepShare = running.clippedSteps / Math.max(1, done)
    const progress = meter.take({ step: done, steps: plan.steps, epoch, clippedStepShare, sparsity }, remaining)
    if (progress) report.progress(progress)
  }
  const tellClipping = (done: number) => report.report('clipping', done, ledger.report(running.nonFiniteSteps))
  return {
    step(step, { examples, means, learningRate, clipping: info }) {
      const scalar = (name: string) => info[name]?.[0] ?? 0
      const [gradientNorm, clipScale, clipped] = [scalar('gradientNorm'), scalar('clipScale'), scalar('clipped')]
      running = addStep(running, { epoch: batches.epochOf(step), examples, clipped: clipped > 0, means })
      ledger.add(step, info)
      const series = { ...finishMeans(means), learningRate, gradientNorm, clipScale, clipped, sparsity }
      buffer.add(step, { ...series, ...ledger.series(step) })
      meter.add({ loss: means.loss ?? 0, accuracy: means.accuracy ?? null, gradientNorm })
    },
    nonFinite(step, data, rateFactor) {
      running = { ...running, nonFiniteSteps: running.nonFiniteSteps + 1, rateFactor }
      report.event('training.non-finite', { step, occurrences: running.nonFiniteSteps, ...data })
    },
    validated(step, means) {
      for (const [name, value] of Object.entries(means)) buffer.add(step, { [`validation.${name}`]: value })
    },
    pruned(step, { asked, weights, updates, masksSha256 }, { round, unpruned }) {
      sparsity = sparsityOf(weights)
      const pieces = updates.reduce((sum, each) => sum + each.pieces, 0)
      const gone = updates.reduce((sum, each) => sum + each.removed, 0)
      running = { ...running, unpruned, pieces: { asked, total: pieces, removed: gone } }
      if (round) running = { ...running, rounds: [...running.rounds, { step, sparsity, ...round }] }
      const removed = weights.reduce((sum, each) => sum + each.removed, 0)
      const total = weights.reduce((sum, each) => sum + each.weights, 0)
      report.event('pruning.updated', { step, sparsity, removed, total, updates, masksSha256 })
    },
    rebuilt(done, { rebuilt, state }) {
      flush()
      const { report: changes, certificate } = rebuilt
      report.event('pruning.compacted', { step: done, parameters: changes.parameters, certificate })
      running = { ...running, ledger: ledger.state() }
      // What a rollback goes back to: there is no other state of the smaller network yet.
      const good = clipping.onNonFinite === 'rollback' ? [{ step: done, state, wasRestored: false }] : []
      const rest = { validationDue: false, best: null, good }
      return encodeCheckpoint({ step: done, pins, running, state, rebuilt, ...rest })
    },
    tick(done) {
      ticked = done
      if (meter.isDue()) tell(done, plan.steps - done)
    },
    finish: (done) => tell(done, 0),
    flush,
    close() {
      tell(ticked, null)
      tellClipping(ticked)
    },
    async save(done, validationDue = false) {
      flush()
      if (done === saved) return
      const state = session.get(run.mutable)
      running = { ...running, ledger: ledger.state() }
      tellClipping(done)
      const extra = { best: kept.best(), good: kept.good(done), rebuilt: run.rebuilt }
      await report.checkpoint(done, encodeCheckpoint({ step: done, pins, running, validationDue, state, ...extra }))
      saved = done
    },
    running: () => running,
    note(changes) {
      running = { ...running, ...changes }
    },
  }
}
