import { isBatchMetric } from '../contracts/metric-name.js'
import { evaluationBatch } from '../planning/memory.js'
import { askedOf, type Confusion, makeAnswers } from './answers.js'
import type { SignatureSpec } from './engine/types.js'
import { finishMeans } from './metrics/make-metric.js'
import type { Pause } from './pause.js'
import type { Run } from './run.js'
import type { StepParts } from './state.js'
import { evaluationSignature } from './step.js'

/** A way out of an evaluation, seen before every batch. */
export interface EvaluationControl {
  readonly signal: AbortSignal
  readonly pause: Pause
  /** Gives the error to throw when the loss over the batch of these rows is NaN or infinite. */
  notFinite(rows: Int32Array): Error
}

export type Evaluation = { readonly kind: 'stopped' } | Evaluated

export interface Evaluated {
  readonly kind: 'done'
  /** The loss and the metrics over the rows, without those that have no value on them; null if there are no rows. */
  readonly means: Record<string, number> | null
  /** Null unless the labels are classes, and if there are no rows. */
  readonly confusion: Confusion | null
}

const signatureName = (batch: number) => `evaluate-${batch}`

/** One signature for full batches and one for each size of a last, smaller batch among the row sets. */
export function evaluationSignatures(parts: StepParts, rowSets: readonly Int32Array[]): Record<string, SignatureSpec> {
  const sizes = new Set(rowSets.flatMap((rows) => batchesOf(rows, parts).map((batch) => batch.length)))
  return Object.fromEntries(
    [...sizes].map((size) => [signatureName(size), evaluationSignature(parts, size, askedOf(parts))]),
  )
}

/** Loss and metrics on `rows`, unless the signal stops it on the way. */
export async function evaluate(
  { session, parts, data }: Pick<Run, 'session' | 'parts' | 'data'>,
  rows: Int32Array,
  { signal, pause, notFinite }: EvaluationControl,
): Promise<Evaluation> {
  if (rows.length === 0) return { kind: 'done', means: null, confusion: null }
  const names = ['loss', ...parts.spec.metrics.filter(isBatchMetric)]
  const sums: Record<string, number> = {}
  const answers = makeAnswers(parts, data.labelsOf(rows), rows.length)
  let done = 0
  for (const batch of batchesOf(rows, parts)) {
    await pause()
    if (signal.aborted) return { kind: 'stopped' }
    const outputs = session.run(signatureName(batch.length), { rows: batch })
    for (const name of names) {
      const sum = outputs[name]?.[0] ?? Number.NaN
      if (name === 'loss' && !Number.isFinite(sum)) throw notFinite(batch)
      sums[name] = (sums[name] ?? 0) + sum
    }
    answers.add(outputs, done)
    done += batch.length
  }
  const means = finishMeans(Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / rows.length])))
  return { kind: 'done', means: { ...means, ...answers.metrics() }, confusion: answers.confusion() }
}

function batchesOf(rows: Int32Array, { model }: StepParts): Int32Array[] {
  const size = evaluationBatch(model.layers)
  const batches: Int32Array[] = []
  for (let begin = 0; begin < rows.length; begin += size) batches.push(rows.slice(begin, begin + size))
  return batches
}
