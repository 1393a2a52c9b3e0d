import type { Session, SignatureSpec } from './engine/types.js'
import type { Pause } from './pause.js'
import { evaluationSignature, type StepParts } from './step.js'

/** Large enough to keep the cores busy, small enough that a stop request is seen within a fraction of a second. */
const BATCH = 1000

const signatureName = (batch: number) => `evaluate-${batch}`

/** One signature for full batches and one for each size of a last, smaller batch among the row sets. */
export function evaluationSignatures(parts: StepParts, rowSets: readonly Int32Array[]): Record<string, SignatureSpec> {
  const sizes = new Set(rowSets.flatMap((rows) => batchesOf(rows).map((batch) => batch.length)))
  return Object.fromEntries([...sizes].map((size) => [signatureName(size), evaluationSignature(parts, size)]))
}

/** Means over `rows` of the loss and the metrics; null if there are no rows. */
export async function evaluate(
  session: Session,
  rows: Int32Array,
  pause: Pause,
): Promise<Record<string, number> | null> {
  if (rows.length === 0) return null
  const sums: Record<string, number> = {}
  for (const batch of batchesOf(rows)) {
    const outputs = session.run(signatureName(batch.length), { rows: batch })
    for (const [name, values] of Object.entries(outputs)) sums[name] = (sums[name] ?? 0) + (values[0] ?? 0)
    await pause()
  }
  return Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / rows.length]))
}

function batchesOf(rows: Int32Array): Int32Array[] {
  const batches: Int32Array[] = []
  for (let begin = 0; begin < rows.length; begin += BATCH) batches.push(rows.slice(begin, begin + BATCH))
  return batches
}
