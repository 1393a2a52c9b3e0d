import { type EventType, STEP_EVENTS } from '../contracts/event.js'
import type { MetricSeries } from '../contracts/metric.js'
import { type AttemptRef, appendEvent, fenced, NEXT_EVENT } from './fence.js'
import type { MetricChunk } from './generated/client.js'
import { toJson } from './json.js'
import { databaseTime, type Transaction } from './transaction.js'

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

/** See `Attempts.addEvent`: the lock of the first statement makes a second try see what the first has written. */
export async function addEvent(
  tx: Transaction,
  ref: AttemptRef,
  type: EventType,
  data: Record<string, unknown>,
): Promise<void> {
  const { jobId, attempt } = ref
  await fenced(tx, ref, {})
  const by = STEP_EVENTS.includes(type) ? {} : { attempt }
  const same = await tx.jobEvent.count({ where: { jobId, ...by, type, data: { equals: toJson(data) } } })
  if (same === 0) await appendEvent(tx, await fenced(tx, ref, NEXT_EVENT), type, data)
}

/** The row and its event; the oldest rows beyond `keep` go. A step that was saved before is replaced; the same object again changes nothing. */
export async function addCheckpoint(
  tx: Transaction,
  ref: AttemptRef,
  { step, key, bytes, sha256 }: StoredCheckpoint,
  keep: number,
): Promise<string[]> {
  const { jobId, attempt } = ref
  await fenced(tx, ref, {})
  const isStored = (await tx.checkpoint.count({ where: { jobId, step, objectKey: key } })) > 0
  const replaced = await tx.checkpoint.findMany({ where: { jobId, step, objectKey: { not: key } } })
  const row = { attempt, objectKey: key, bytes, sha256, createdAt: await databaseTime(tx) }
  await tx.checkpoint.upsert({
    where: { jobId_step: { jobId, step } },
    create: { jobId, step, ...row },
    update: row,
  })
  const superfluous = await tx.checkpoint.findMany({ where: { jobId }, orderBy: { step: 'desc' }, skip: keep })
  await tx.checkpoint.deleteMany({ where: { jobId, step: { in: superfluous.map((checkpoint) => checkpoint.step) } } })
  if (!isStored) await appendEvent(tx, await fenced(tx, ref, NEXT_EVENT), 'checkpoint.saved', { step, bytes })
  return [...replaced, ...superfluous].map((checkpoint) => checkpoint.objectKey)
}
