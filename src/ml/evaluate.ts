import { evaluationBatch } from '../planning/memory.js'
import type { SignatureSpec } from './engine/types.js'
import type { Pause } from './pause.js'
import type { Run } from './run.js'
import { evaluationSignature, type StepParts } from './step.js'

/** A way out of an evaluation, seen before every batch. */
export interface EvaluationControl {
  readonly signal: AbortSignal
  readonly pause: Pause
  /** Gives the error to throw when a sum over the batch of these rows is NaN or infinite. */
  notFinite(rows: Int32Array): Error
}

export type Evaluation =
  | { readonly kind: 'stopped' }
  /** `means` of the loss and the metrics over the rows; null if there are no rows. */
  | { readonly kind: 'done'; readonly means: Record<string, number> | null }

const signatureName = (batch: number) => `evaluate-${batch}`

/** One signature for full batches and one for each size of a last, smaller batch among the row sets. */
export function evaluationSignatures(parts: StepParts, rowSets: readonly Int32Array[]): Record<string, SignatureSpec> {
  const sizes = new Set(rowSets.flatMap((rows) => batchesOf(rows, parts).map((batch) => batch.length)))
  return Object.fromEntries([...sizes].map((size) => [signatureName(size), evaluationSignature(parts, size)]))
}

/** Loss and metrics on `rows`, unless the signal stops it on the way. */
export async function evaluate(
  { session, parts }: Pick<Run, 'session' | 'parts'>,
  rows: Int32Array,
  { signal, pause, notFinite }: EvaluationControl,
): Promise<Evaluation> {
  if (rows.length === 0) return { kind: 'done', means: null }
  const sums: Record<string, number> = {}
  for (const batch of batchesOf(rows, parts)) {
    await pause()
    if (signal.aborted) return { kind: 'stopped' }
    const outputs = session.run(signatureName(batch.length), { rows: batch })
    for (const [name, values] of Object.entries(outputs)) {
      const sum = values[0] ?? Number.NaN
      if (!Number.isFinite(sum)) throw notFinite(batch)
      sums[name] = (sums[name] ?? 0) + sum
    }
  }
  return {
    kind: 'done',
    means: Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / rows.length])),
  }
}

function batchesOf(rows: Int32Array, { model }: StepParts): Int32Array[] {
  const size = evaluationBatch(model.layers)
  const batches: Int32Array[] = []
  for (let begin = 0; begin < rows.length; begin += size) batches.push(rows.slice(begin, begin + size))
  return batches
}
