import { decisionThreshold } from '../contracts/loss.js'
import { isBatchMetric, isSetMetric } from '../contracts/metric-name.js'
import { evaluationBatch } from '../planning/memory.js'
import type { SignatureSpec } from './engine/types.js'
import { finishMetric } from './metrics/make-metric.js'
import { measure } from './metrics/measure.js'
import type { Pause } from './pause.js'
import type { Run } from './run.js'
import type { StepParts } from './state.js'
import { evaluationSignature } from './step.js'

/** A way out of an evaluation, seen before every batch. */
export interface EvaluationControl {
  readonly signal: AbortSignal
  readonly pause: Pause
  /** Gives the error to throw when a sum over the batch of these rows is NaN or infinite. */
  notFinite(rows: Int32Array): Error
}

export type Evaluation =
  | { readonly kind: 'stopped' }
  /** `means`: the loss and the metrics over the rows, without those that have no value on them; null if there are no rows. */
  | { readonly kind: 'done'; readonly means: Record<string, number> | null }

const signatureName = (batch: number) => `evaluate-${batch}`

/** One signature for full batches and one for each size of a last, smaller batch among the row sets. */
export function evaluationSignatures(parts: StepParts, rowSets: readonly Int32Array[]): Record<string, SignatureSpec> {
  const sizes = new Set(rowSets.flatMap((rows) => batchesOf(rows, parts).map((batch) => batch.length)))
  return Object.fromEntries(
    [...sizes].map((size) => [signatureName(size), evaluationSignature(parts, size, needsPredictions(parts))]),
  )
}

/** Loss and metrics on `rows`, unless the signal stops it on the way. */
export async function evaluate(
  { session, parts, data }: Pick<Run, 'session' | 'parts' | 'data'>,
  rows: Int32Array,
  { signal, pause, notFinite }: EvaluationControl,
): Promise<Evaluation> {
  if (rows.length === 0) return { kind: 'done', means: null }
  const names = ['loss', ...parts.spec.metrics.filter(isBatchMetric)]
  const sums: Record<string, number> = {}
  const predictions: Float32Array[] = []
  for (const batch of batchesOf(rows, parts)) {
    await pause()
    if (signal.aborted) return { kind: 'stopped' }
    const outputs = session.run(signatureName(batch.length), { rows: batch })
    for (const name of names) {
      const sum = outputs[name]?.[0] ?? Number.NaN
      if (!Number.isFinite(sum)) throw notFinite(batch)
      sums[name] = (sums[name] ?? 0) + sum
    }
    if (needsPredictions(parts)) predictions.push(Float32Array.from(outputs.predictions ?? []))
  }
  const means = Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / rows.length]))
  for (const name of parts.spec.metrics) if (isBatchMetric(name)) means[name] = finishMetric(name, means[name] ?? 0)
  return { kind: 'done', means: { ...means, ...setMetrics(parts, data.labelsOf(rows), predictions, rows.length) } }
}

/** Metrics that need all predictions at once; one without a value, such as the area under a curve of one class, is left out. */
function setMetrics(
  { spec }: StepParts,
  { kind, values }: { kind: 'classes' | 'labels' | 'number' | 'tokens'; values: Int32Array | Float32Array },
  parts: readonly Float32Array[],
  rows: number,
): Record<string, number> {
  if (parts.length === 0 || kind === 'tokens') return {}
  const predictions = Float32Array.from(parts.flatMap((part) => [...part]))
  const size = predictions.length / rows
  const threshold = decisionThreshold(spec.loss, 'predictions')
  const evaluated = { target: kind, predictions, labels: values, rows, size, threshold }
  const found: Record<string, number> = {}
  for (const name of spec.metrics.filter(isSetMetric)) {
    const { value } = measure(name, evaluated)
    if (value !== null) found[name] = value
  }
  return found
}

function needsPredictions({ spec }: StepParts): boolean {
  return spec.metrics.some(isSetMetric)
}

function batchesOf(rows: Int32Array, { model }: StepParts): Int32Array[] {
  const size = evaluationBatch(model.layers)
  const batches: Int32Array[] = []
  for (let begin = 0; begin < rows.length; begin += size) batches.push(rows.slice(begin, begin + size))
  return batches
}
