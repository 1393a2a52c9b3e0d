import type { DatasetSchema } from '../contracts/dataset.js'
import type { LayersModel } from '../contracts/model.js'
import type { TrainingJobSpec } from '../contracts/training-job-spec.js'
import { type AttemptRef, appendEvent, NEXT_EVENT } from './fence.js'
import { fromJson } from './json.js'
import { databaseTime, type Transaction } from './transaction.js'

/** Files of a job that another one can start from. */
export const STARTING_FILES = { report: 'report.json', weights: 'weights.safetensors' } as const

/** An object in the store, and what was put there. */
export interface StoredFile {
  readonly key: string
  readonly sha256: string
}

/** What a worker needs to run the attempt that it has won. */
export interface Claim extends AttemptRef {
  readonly projectId: string
  readonly spec: TrainingJobSpec
  readonly dataset: { readonly key: string; readonly schema: DatasetSchema }
  /** The finished model that the job starts from: the layers, or the report.json of a job that tells them, and the weights. */
  readonly startFrom:
    | { readonly report: StoredFile; readonly weights: StoredFile }
    | { readonly model: LayersModel; readonly weights: StoredFile }
    | null
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
  const spec = fromJson<TrainingJobSpec>(job.spec)
  return {
    ...ref,
    projectId: job.projectId,
    spec,
    dataset: { key: dataset.objectKey, schema: fromJson<DatasetSchema>(dataset.schema) },
    startFrom: await startOf(tx, spec),
    resumeFrom: checkpoint && { key: checkpoint.objectKey, step: checkpoint.step, sha256: checkpoint.sha256 },
    ranMs: Number(job.ranMs),
    superfluous: artifacts.map((artifact) => artifact.objectKey),
  }
}

/** A job that has succeeded keeps its artifacts, and a model that is needed is not deleted: they are there as they were when the job was accepted. */
async function startOf(tx: Transaction, { model }: TrainingJobSpec): Promise<Claim['startFrom']> {
  if (model.kind !== 'artifact') return null
  const { jobId = '', modelId } = model
  if (modelId !== undefined) {
    const row = await tx.model.findUniqueOrThrow({ where: { id: modelId } })
    return { model: fromJson<LayersModel>(row.model), weights: { key: row.objectKey, sha256: row.sha256 } }
  }
  const fileOf = async (name: string): Promise<StoredFile> => {
    const where = { jobId_name: { jobId, name } }
    const { objectKey, sha256 } = await tx.artifact.findUniqueOrThrow({ where })
    return { key: objectKey, sha256 }
  }
  return { report: await fileOf(STARTING_FILES.report), weights: await fileOf(STARTING_FILES.weights) }
}
