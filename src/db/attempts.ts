import type { EventType } from '../contracts/event.js'
import type { ReportBodies, ReportKind } from '../contracts/job-report.js'
import type { MetricSeries } from '../contracts/metric.js'
import type { JobFailure, JobProgress, JobResult } from '../contracts/training-job.js'
import { type Claim, claim } from './claim.js'
import type { Database } from './database.js'
import { type AttemptRef, fenced } from './fence.js'
import { toJson } from './json.js'
import { addCheckpoint, addEvent, type StoredCheckpoint, toChunks } from './records.js'
import { saveReport } from './reports.js'
import { databaseTime } from './transaction.js'
import { end, type Interruption, requeue } from './transitions.js'

export type { Claim } from './claim.js'
export { type AttemptRef, StaleAttemptError } from './fence.js'
export type { StoredCheckpoint } from './records.js'
export type { Interruption } from './transitions.js'

export interface StoredArtifact {
  readonly name: string
  readonly mediaType: string
  readonly key: string
  readonly bytes: number
  readonly sha256: string
}

/**
 * The worker's side of a job. Every write names its attempt and is refused with StaleAttemptError once that is not the running
 * one; a late worker can therefore do no harm.
 */
export interface Attempts {
  /** queued → running; null when another worker won or the job was cancelled meanwhile. Writes event attempt.started. */
  claim(jobId: string, workerId: string, leaseMs: number): Promise<Claim | null>
  /** Extends the lease; null when stale. */
  heartbeat(ref: AttemptRef, leaseMs: number): Promise<{ cancelRequested: boolean } | null>
  saveProgress(ref: AttemptRef, progress: JobProgress): Promise<void>
  /** Values that are not finite are left out. A chunk that is sent twice is stored once. */
  addMetrics(ref: AttemptRef, series: readonly MetricSeries[]): Promise<void>
  /**
   * One that says the same as one before of the same attempt is written once: the answer to the first may have been lost. Of `STEP_EVENTS`
   * that holds for all attempts together.
   */
  addEvent(ref: AttemptRef, type: EventType, data: Record<string, unknown>): Promise<void>
  /** Writes event checkpoint.saved too. Returns the keys of objects that no row names any more: delete them. */
  addCheckpoint(ref: AttemptRef, checkpoint: StoredCheckpoint, keep: number): Promise<string[]>
  /** One of the same name is replaced: returns the key of its object, which nothing names any more. */
  addArtifact(ref: AttemptRef, artifact: StoredArtifact): Promise<string[]>
  /** One of the same kind is replaced. `step`: updates done. */
  saveReport<K extends ReportKind>(ref: AttemptRef, kind: K, step: number, body: ReportBodies[K]): Promise<void>
  /** running → succeeded, with event job.succeeded. */
  succeed(ref: AttemptRef, result: JobResult): Promise<void>
  /** running → failed, with event job.failed. */
  fail(ref: AttemptRef, failure: JobFailure): Promise<void>
  /** running → cancelled, with event job.cancelled. */
  cancel(ref: AttemptRef): Promise<void>
  /**
   * running → queued, with event attempt.interrupted; → cancelled when a client asked for that meanwhile; → failed when the
   * interruption counts and `limits.maxAttempts` are spent.
   */
  requeue(ref: AttemptRef, interruption: Interruption): Promise<'queued' | 'failed' | 'cancelled'>
}

export function makeAttempts(db: Database): Attempts {
  const { prisma } = db
  return {
    claim: (jobId, workerId, leaseMs) => prisma.$transaction((tx) => claim(tx, jobId, workerId, leaseMs)),
    heartbeat: async ({ jobId, attempt }, leaseMs) => {
      const [job] = await prisma.$queryRaw<{ cancelRequested: boolean }[]>`
        update training_jobs set lease_until = now() + ${leaseMs}::float8 * interval '1 millisecond', updated_at = now()
        where id = ${jobId} and attempt = ${attempt} and status = 'running'
        returning cancel_requested as "cancelRequested"`
      return job ?? null
    },
    saveProgress: async (ref, progress) => {
      await fenced(prisma, ref, { progress: toJson(progress) })
    },
    addMetrics: (ref, series) =>
      prisma.$transaction(async (tx) => {
        await fenced(tx, ref, {})
        await tx.metricChunk.createMany({ data: toChunks(ref, series), skipDuplicates: true })
      }),
    addEvent: (ref, type, data) => prisma.$transaction((tx) => addEvent(tx, ref, type, data)),
    addCheckpoint: (ref, checkpoint, keep) => prisma.$transaction((tx) => addCheckpoint(tx, ref, checkpoint, keep)),
    addArtifact: ({ jobId, attempt }, { name, key, ...columns }) =>
      prisma.$transaction(async (tx) => {
        await fenced(tx, { jobId, attempt }, {})
        const former = await tx.artifact.findUnique({ where: { jobId_name: { jobId, name } } })
        const row = { ...columns, objectKey: key, attempt, createdAt: await databaseTime(tx) }
        await tx.artifact.upsert({
          where: { jobId_name: { jobId, name } },
          create: { jobId, name, ...row },
          update: row,
        })
        return former && former.objectKey !== key ? [former.objectKey] : []
      }),
    saveReport: (ref, kind, step, body) => prisma.$transaction((tx) => saveReport(tx, ref, { kind, step, body })),
    succeed: (ref, result) =>
      prisma.$transaction((tx) => end(tx, ref, { status: 'succeeded', result: toJson(result) }, ['job.succeeded', {}])),
    fail: (ref, failure) =>
      prisma.$transaction((tx) =>
        end(tx, ref, { status: 'failed', failure: toJson(failure) }, ['job.failed', { ...failure }]),
      ),
    cancel: (ref) => prisma.$transaction((tx) => end(tx, ref, { status: 'cancelled' }, ['job.cancelled', {}])),
    requeue: (ref, interruption) => prisma.$transaction((tx) => requeue(tx, ref, interruption)),
  }
}
