import type { JobProgress } from '../contracts/training-job.js'
import { encodeCheckpoint } from './checkpoint.js'
import { makeMetricBuffer } from './metric-buffer.js'
import { makeProgressMeter } from './progress.js'
import { type KernelSparsity, sparsityOf } from './pruner.js'
import type { Run } from './run.js'
import { addStep, type Running } from './running.js'
import type { TrainReport } from './training.js'

/** What one update gave; `means` are over its `examples`. */
export interface StepRecord {
  readonly examples: number
  readonly means: Readonly<Record<string, number>>
  readonly learningRate: number
  readonly gradientNorm: number
  readonly clipScale: number
  /** 0 or 1. */
  readonly clipped: number
}

/** Counts what happens in a run and tells it: metrics, progress, events, checkpoints, in an order in which no series reaches over a checkpoint. */
export interface Journal {
  step(step: number, record: StepRecord): void
  validated(step: number, means: Readonly<Record<string, number>>): void
  pruned(step: number, kernels: readonly KernelSparsity[]): void
  /** About twice a second: progress and metrics. `done` counts updates. */
  tick(done: number): void
  /** All that is left of metrics, and the last progress. */
  finish(done: number): void
  /** All that is left of metrics. */
  flush(): void
  /**
   * A checkpoint of the state after `done` updates, unless the run began with it or has saved it; metrics are flushed first.
   * `validationDue`: the epoch before it was not validated.
   */
  save(done: number, validationDue?: boolean): Promise<void>
  running(): Running
}

export function makeJournal(
  run: Run,
  report: Pick<TrainReport, 'metrics' | 'progress' | 'event' | 'checkpoint'>,
): Journal {
  const { plan, batches, session, pins } = run
  const buffer = makeMetricBuffer()
  const meter = makeProgressMeter()
  let running = run.running
  let sparsity = sparsityOf(run.pruner?.measure(session) ?? [])
  // The choice of a race is in no checkpoint yet.
  let saved = run.raced ? null : run.step

  const flush = () => {
    const series = buffer.drain()
    if (series.length > 0) report.metrics(series)
  }
  const progressAt = (done: number): JobProgress =>
    meter.take({
      step: done,
      steps: plan.steps,
      epoch: batches.epochOf(Math.max(0, done - 1)),
      clippedStepShare: running.clippedSteps / Math.max(1, done),
      sparsity,
    })
  const finish = (done: number) => {
    flush()
    report.progress(progressAt(done))
  }
  return {
    step(step, { examples, means, learningRate, gradientNorm, clipScale, clipped }) {
      running = addStep(running, { epoch: batches.epochOf(step), examples, clipped: clipped > 0, means })
      buffer.add(step, { ...means, learningRate, gradientNorm, clipScale, clipped, sparsity })
      meter.add({ loss: means.loss ?? 0, accuracy: means.accuracy ?? null, gradientNorm })
    },
    validated(step, means) {
      for (const [name, value] of Object.entries(means)) buffer.add(step, { [`validation.${name}`]: value })
    },
    pruned(step, kernels) {
      sparsity = sparsityOf(kernels)
      const removed = kernels.reduce((sum, kernel) => sum + kernel.removed, 0)
      const total = kernels.reduce((sum, kernel) => sum + kernel.weights, 0)
      report.event('pruning.updated', { step, sparsity, removed, total })
    },
    tick(done) {
      if (meter.isDue()) finish(done)
    },
    finish,
    flush,
    async save(done, validationDue = false) {
      flush()
      if (done === saved) return
      const state = session.get(run.mutable)
      await report.checkpoint(done, encodeCheckpoint({ step: done, pins, running, validationDue, state }))
      saved = done
    },
    running: () => running,
  }
}
