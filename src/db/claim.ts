import type { DatasetSchema } from '../contracts/dataset.js'
import type { TrainingJobSpec } from '../contracts/training-job-spec.js'
import { type AttemptRef, appendEvent, NEXT_EVENT } from './fence.js'
import { fromJson } from './json.js'
import { databaseTime, type Transaction } from './transaction.js'

/** What a worker needs to run the attempt that it has won. */
export interface Claim extends AttemptRef {
  readonly projectId: string
  readonly spec: TrainingJobSpec
  readonly dataset: { readonly key: string; readonly schema: DatasetSchema }
  /** The newest checkpoint; null: from the beginning. */
  readonly resumeFrom: { readonly key: string; readonly step: number; readonly sha256: string } | null
  /** How long the attempts before ran: `limits.maxSeconds` holds for all of them together, without the waiting between. */
  readonly ranMs: number
  /** Keys of the artifacts that attempts before left; no row names them any more: delete the objects. */
  readonly superfluous: readonly string[]
}

/**
 * queued → running, attempt + 1. Other workers with the same delivery and a cancellation may race it: the compare-and-set on
 * the status lets one win. Points that the attempt before wrote after its last checkpoint go, and its artifacts, because they
 * will be written again.
 */
export async function claim(tx: Transaction, jobId: string, workerId: string, leaseMs: number): Promise<Claim | null> {
  const now = await databaseTime(tx)
  const [job] = await tx.trainingJob.updateManyAndReturn({
    where: { id: jobId, status: 'queued' },
    data: {
      ...NEXT_EVENT,
      status: 'running',
      attempt: { increment: 1 },
      workerId,
      attemptStartedAt: now,
      leaseUntil: new Date(now.getTime() + leaseMs),
    },
  })
  if (!job) return null
  const ref = { jobId, attempt: job.attempt }
  await tx.outbox.deleteMany({ where: { jobId } })
  await tx.trainingJob.updateMany({ where: { id: jobId, startedAt: null }, data: { startedAt: now } })
  const checkpoint = await tx.checkpoint.findFirst({ where: { jobId }, orderBy: { step: 'desc' } })
  const resumedFromStep = checkpoint?.step ?? 0
  await tx.metricChunk.deleteMany({ where: { jobId, firstStep: { gte: resumedFromStep } } })
  const artifacts = await tx.artifact.findMany({ where: { jobId }, select: { objectKey: true } })
  await tx.artifact.deleteMany({ where: { jobId } })
  await appendEvent(tx, job, 'attempt.started', { worker: workerId, resumedFromStep })
  const dataset = await tx.dataset.findUniqueOrThrow({ where: { id: job.datasetId } })
  return {
    ...ref,
    projectId: job.projectId,
    spec: fromJson<TrainingJobSpec>(job.spec),
    dataset: { key: dataset.objectKey, schema: fromJson<DatasetSchema>(dataset.schema) },
    resumeFrom: checkpoint && { key: checkpoint.objectKey, step: checkpoint.step, sha256: checkpoint.sha256 },
    ranMs: Number(job.ranMs),
    superfluous: artifacts.map((artifact) => artifact.objectKey),
  }
}
