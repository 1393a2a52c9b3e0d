import type { JobResult } from '../../contracts/training-job.js'
import type { StoredTensor } from '../../formats/safetensors.js'
import { evaluate } from '../evaluate.js'
import { makeMetricBuffer } from '../metric-buffer.js'
import { makePause, type Pause } from '../pause.js'
import { makeProgressMeter } from '../progress.js'
import type { Masks } from '../pruning/granularity/pieces.js'
import { keepsCheckpoint } from '../train.js'
import type { TrainOptions, TrainOutcome, TrainReport } from '../training.js'
import { TrainingFailure } from '../training-failure.js'
import { decodeScan, encodeScan } from './checkpoint.js'
import { masksAt, removedBy, weightsOf } from './layers.js'
import { type Measurement, nextSparsities } from './measurements.js'
import { type OpenScan, openScan } from './open.js'
import { makeSensitivityReport } from './report.js'

/** A scan that is killed measures at most so much again. */
const SAVE_EVERY_MS = 10_000

/**
 * Measures a finished network dense, with each layer by itself at each sparsity, with all of them, and with all at what they tolerate; it trains
 * nothing. Steps are measurements. A scan that was stopped and resumed gives the same report as one that was not.
 * @throws TrainingFailure DIVERGED, DATASET_INVALID, MODEL_INVALID or CHECKPOINT_INVALID; EspalierError of planning and engine.
 */
export async function scan(options: TrainOptions): Promise<TrainOutcome> {
  const opened = openScan(options)
  try {
    return await follow(opened, options)
  } finally {
    opened.session.close()
  }
}

async function follow(opened: OpenScan, { resume, signal, report }: TrainOptions): Promise<TrainOutcome> {
  const { plan, scan, layers, pins, exported } = opened
  const former = resume
    ? decodeScan(resume.checkpoint, { step: resume.step, weightsSha256: exported.sha256 })
    : { pins, done: [] }
  report.started(pins, plan.steps, plan.parameters)
  if (JSON.stringify(former.pins) !== JSON.stringify(pins))
    report.event('training.pins-changed', { before: former.pins, now: pins })

  const done: Measurement[] = [...former.done]
  const journal = makeScanJournal(opened, report, done.length)
  const control = { signal, pause: makePause() }
  const stop = async (): Promise<TrainOutcome> => {
    if (keepsCheckpoint(signal.reason)) await journal.save(done)
    journal.tell(done.length, null)
    return { kind: 'stopped', step: done.length }
  }
  const began = performance.now()
  while (done.length < plan.steps) {
    await control.pause()
    if (signal.aborted) return stop()
    await journal.saveIfDue(done)
    const measured = await measure(opened, nextSparsities(scan, layers.length, done), control)
    if (measured === null) return stop()
    if (done.length === 0 && measured.means === null) throw denseFailure(opened)
    journal.measured(done.length, measured)
    done.push(measured)
    journal.tick(done.length)
  }
  journal.tell(done.length, 0)
  const msPerStep = (performance.now() - began) / Math.max(1, done.length - former.done.length)
  return { kind: 'succeeded', result: await deliver(opened, done, report, msPerStep) }
}

/** The network with these sparsities; the weights are put back afterwards. Null if the signal came before the end. */
async function measure(
  { session, parts, data, layers, weights, rows }: OpenScan,
  sparsities: readonly number[],
  control: { readonly signal: AbortSignal; readonly pause: Pause },
): Promise<Measurement | null> {
  const masks = masksAt(layers, sparsities)
  const original = Object.fromEntries(Object.keys(masks).flatMap((name) => entryOf(weights, name)))
  session.set(masked(original, masks))
  try {
    const notFinite = () => new NotFinite()
    const evaluation = await evaluate({ session, parts, data }, rows, { ...control, notFinite })
    if (evaluation.kind === 'stopped') return null
    // JSON, in which measurements are kept, knows no infinity.
    const means = Object.entries(evaluation.means ?? {}).filter(([, value]) => Number.isFinite(value))
    return { removed: removedBy(masks), means: Object.fromEntries(means) }
  } catch (error) {
    if (!(error instanceof NotFinite)) throw error
    return { removed: removedBy(masks), means: null }
  } finally {
    session.set(original)
  }
}

class NotFinite extends Error {}

function entryOf(weights: OpenScan['weights'], name: string): [string, StoredTensor][] {
  const weight = weights[name]
  return weight ? [[name, weight]] : []
}

function masked(weights: Readonly<Record<string, StoredTensor>>, masks: Masks): Record<string, StoredTensor> {
  return Object.fromEntries(
    Object.entries(weights).map(([name, weight]) => {
      const values = Float32Array.from(weight.values)
      masks[name]?.forEach((bit, index) => {
        if (bit === 0) values[index] = 0
      })
      return [name, { ...weight, values }]
    }),
  )
}

function denseFailure({ evaluatedOn }: OpenScan): TrainingFailure {
  const what = `the loss of the network before anything is removed is NaN or infinite on the ${evaluatedOn} rows`
  return new TrainingFailure(
    'DIVERGED',
    `${what}: there is nothing to compare with. Scan a network that was trained.`,
    null,
  )
}

/** Tells what is measured: metrics, progress and checkpoints, in an order in which no series reaches over a checkpoint. */
function makeScanJournal({ plan, layers, pins, exported }: OpenScan, report: TrainReport, begun: number) {
  const buffer = makeMetricBuffer()
  const meter = makeProgressMeter(begun)
  const total = Object.values(weightsOf(layers)).reduce((sum, size) => sum + size, 0)
  let sparsity = 0
  let saved = { step: begun, at: performance.now() }

  const tell = (step: number, remaining: number | null) => {
    const series = buffer.drain()
    if (series.length > 0) report.metrics(series)
    const at = { step, steps: plan.steps, epoch: 0, clippedStepShare: null, sparsity }
    const progress = meter.take(at, remaining)
    if (progress) report.progress(progress)
  }
  const save = async (done: readonly Measurement[]) => {
    const series = buffer.drain()
    if (series.length > 0) report.metrics(series)
    if (done.length > saved.step)
      await report.checkpoint(done.length, encodeScan({ pins, weightsSha256: exported.sha256, done }))
    saved = { step: done.length, at: performance.now() }
  }
  return {
    measured(step: number, { removed, means }: Measurement) {
      sparsity = removed / total
      buffer.add(step, { ...means, sparsity })
      if (means) meter.add({ loss: means.loss ?? 0, accuracy: means.accuracy ?? null, gradientNorm: null })
    },
    /** After each measurement; about twice a second, progress and metrics. */
    tick(step: number) {
      if (meter.isDue()) tell(step, plan.steps - step)
    },
    tell,
    save,
    async saveIfDue(done: readonly Measurement[]) {
      if (performance.now() - saved.at >= SAVE_EVERY_MS) await save(done)
    },
  }
}

/** Sends report and artifact of a scan that is done, and gives its result: the dense network as it was measured. */
async function deliver(
  opened: OpenScan,
  done: readonly Measurement[],
  report: TrainReport,
  msPerStep: number,
): Promise<JobResult> {
  const { plan, exported, pins, evaluatedOn, rows } = opened
  const sensitivity = makeSensitivityReport({ ...opened, rows: rows.length }, done)
  report.report('sensitivity', done.length, sensitivity)
  const text = `${JSON.stringify(sensitivity, null, 2)}\n`
  await report.artifact('sensitivity.json', 'application/json', new TextEncoder().encode(text))
  const { dense } = sensitivity
  return {
    steps: done.length,
    epochs: 0,
    parameters: plan.parameters,
    train: evaluatedOn === 'train' ? dense : {},
    validation: evaluatedOn === 'validation' ? dense : null,
    test: evaluatedOn === 'test' ? dense : null,
    clippedStepShare: 0,
    nonFiniteSteps: 0,
    sparsity: 0,
    perLayerSparsity: [],
    bytes: exported.bytes,
    quantized: [],
    best: null,
    weightsSha256: exported.sha256,
    msPerStep,
    pins,
  }
}
