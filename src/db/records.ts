import type { MetricSeries } from '../contracts/metric.js'
import { type AttemptRef, appendEvent, fenced, NEXT_EVENT } from './fence.js'
import type { MetricChunk } from './generated/client.js'
import type { Transaction } from './transaction.js'

export interface StoredCheckpoint {
  /** Updates done. */
  readonly step: number
  readonly key: string
  readonly bytes: number
  readonly sha256: string
}

/** Rows of one report; points whose value is not finite are left out (the database and JSON have no place for them). */
export function toChunks({ jobId, attempt }: AttemptRef, series: readonly MetricSeries[]): MetricChunk[] {
  return series.flatMap(({ name, steps: allSteps, values: allValues }) => {
    const steps: number[] = []
    const values: number[] = []
    for (const [index, step] of allSteps.entries()) {
      const value = allValues[index]
      if (value === undefined || !Number.isFinite(value)) continue
      steps.push(step)
      values.push(value)
    }
    const [firstStep] = steps
    const lastStep = steps.at(-1)
    if (firstStep === undefined || lastStep === undefined) return []
    return [{ jobId, name, firstStep, lastStep, attempt, steps, values }]
  })
}

/** The row and its event; the oldest rows beyond `keep` go. A step that was saved before is replaced. */
export async function addCheckpoint(
  tx: Transaction,
  ref: AttemptRef,
  { step, key, bytes, sha256 }: StoredCheckpoint,
  keep: number,
): Promise<string[]> {
  const { jobId, attempt } = ref
  const job = await fenced(tx, ref, NEXT_EVENT)
  const replaced = await tx.checkpoint.findMany({ where: { jobId, step, objectKey: { not: key } } })
  const row = { attempt, objectKey: key, bytes, sha256, createdAt: new Date() }
  await tx.checkpoint.upsert({
    where: { jobId_step: { jobId, step } },
    create: { jobId, step, ...row },
    update: row,
  })
  const superfluous = await tx.checkpoint.findMany({ where: { jobId }, orderBy: { step: 'desc' }, skip: keep })
  await tx.checkpoint.deleteMany({ where: { jobId, step: { in: superfluous.map((checkpoint) => checkpoint.step) } } })
  await appendEvent(tx, job, 'checkpoint.saved', { step, bytes })
  return [...replaced, ...superfluous].map((checkpoint) => checkpoint.objectKey)
}
