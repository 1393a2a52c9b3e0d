import { makeId } from '../contracts/ids.js'
import type { JobStatus, TrainingJob } from '../contracts/training-job.js'
import type { TrainingJobSpec } from '../contracts/training-job-spec.js'
import { problem } from '../errors.js'
import type { Database } from './database.js'
import { appendEvent, NEXT_EVENT } from './fence.js'
import type { TrainingJob as TrainingJobRow } from './generated/client.js'
import { createOnce, type IdempotencyKey } from './idempotency.js'
import { fromJson, fromJsonOrNull, toJson } from './json.js'
import { decodeCursor, type Listing, toListing } from './listing.js'
import { enqueue } from './outbox.js'
import { databaseTime, type Transaction } from './transaction.js'

export interface JobFilter {
  readonly status?: JobStatus | undefined
  readonly name?: string | undefined
  readonly createdAfter?: Date | undefined
  readonly limit: number
  readonly cursor?: string | undefined
}

export interface TrainingJobs {
  /** @throws DATASET_NOT_FOUND, IDEMPOTENCY_MISMATCH */
  create(
    projectId: string,
    spec: TrainingJobSpec,
    idempotency?: IdempotencyKey,
  ): Promise<{ job: TrainingJob; replayed: boolean }>
  get(projectId: string, id: string): Promise<TrainingJob | null>
  /** @throws CURSOR_INVALID */
  list(projectId: string, filter: JobFilter): Promise<Listing<TrainingJob>>
  /** Null when there is no such job. @throws JOB_STATE_CONFLICT when it has succeeded or failed */
  requestCancel(projectId: string, id: string): Promise<TrainingJob | null>
}

/** The client's side of a job: what a request may do to it. */
export function makeTrainingJobs(db: Database): TrainingJobs {
  return {
    create: async (projectId, spec, idempotency) => {
      const { created, replayed } = await createOnce(db, projectId, idempotency, (tx) => insert(tx, projectId, spec))
      return { job: created, replayed }
    },
    get: async (projectId, id) => {
      const row = await db.prisma.trainingJob.findFirst({ where: { id, projectId } })
      return row && toTrainingJob(row)
    },
    list: async (projectId, { status, name, createdAfter, limit, cursor }) => {
      const rows = await db.prisma.trainingJob.findMany({
        where: {
          projectId,
          ...(status && { status }),
          ...(name !== undefined && { name }),
          ...(createdAfter && { createdAt: { gt: createdAfter } }),
          ...(cursor !== undefined && { id: { lt: decodeCursor(cursor, 'job') } }),
        },
        orderBy: { id: 'desc' },
        take: limit + 1,
      })
      return toListing(rows.map(toTrainingJob), limit)
    },
    requestCancel: (projectId, id) => db.prisma.$transaction((tx) => cancel(tx, projectId, id)),
  }
}

/**
 * ∅ → queued. Job, event and outbox row come into being together. A deletion of the dataset may race it: the share lock makes
 * it wait, and then it finds the job.
 */
async function insert(tx: Transaction, projectId: string, spec: TrainingJobSpec): Promise<TrainingJob> {
  const datasets = await tx.$queryRaw<unknown[]>`
    select id from datasets where id = ${spec.datasetId} and project_id = ${projectId} and deleted_at is null for share`
  if (datasets.length === 0)
    throw problem('DATASET_NOT_FOUND', `there is no dataset ${spec.datasetId}`, [
      { pointer: '/datasetId', detail: 'names no dataset of this project' },
    ])
  await holdModel(tx, projectId, spec)
  const row = await tx.trainingJob.create({
    data: {
      id: makeId('job'),
      projectId,
      datasetId: spec.datasetId,
      name: spec.name ?? null,
      spec: toJson(spec),
      priority: spec.priority,
      maxAttempts: spec.limits.maxAttempts,
      eventSequence: 1,
    },
  })
  await appendEvent(tx, row, 'job.created', {})
  await enqueue(tx, row)
  return toTrainingJob(row)
}

/** A deletion of the uploaded model that the job starts from may race it, as that of the dataset. */
async function holdModel(tx: Transaction, projectId: string, { model }: TrainingJobSpec): Promise<void> {
  if (model.kind !== 'artifact' || model.modelId === undefined) return
  const found = await tx.$queryRaw<unknown[]>`
    select id from models where id = ${model.modelId} and project_id = ${projectId} and deleted_at is null for share`
  const detail = `there is no model ${model.modelId} in this project`
  if (found.length === 0) throw problem('SPEC_INVALID', detail, [{ pointer: '/model/modelId', detail }])
}

/**
 * queued | paused → cancelled at once; running → running with the request noted, which the worker reads at its next heartbeat;
 * cancelled, or asked for already → no change. A claim or the end of the attempt may race it: the row lock makes one of them
 * first, and the other sees its result.
 */
async function cancel(tx: Transaction, projectId: string, id: string): Promise<TrainingJob | null> {
  await tx.$queryRaw`select id from training_jobs where id = ${id} and project_id = ${projectId} for update`
  const row = await tx.trainingJob.findFirst({ where: { id, projectId } })
  if (!row) return null
  if (row.status === 'succeeded' || row.status === 'failed')
    throw problem('JOB_STATE_CONFLICT', `the job has ${row.status} already and cannot be cancelled`)
  if (row.status === 'cancelled' || row.cancelRequested) return toTrainingJob(row)
  const isRunning = row.status === 'running'
  const changed = await tx.trainingJob.update({
    where: { id },
    data: {
      ...NEXT_EVENT,
      cancelRequested: true,
      ...(!isRunning && { status: 'cancelled', endedAt: await databaseTime(tx) }),
    },
  })
  await appendEvent(tx, changed, isRunning ? 'job.cancel-requested' : 'job.cancelled', {})
  if (!isRunning) await tx.outbox.deleteMany({ where: { jobId: id } })
  return toTrainingJob(changed)
}

function toTrainingJob(row: TrainingJobRow): TrainingJob {
  return {
    id: row.id,
    status: row.status,
    spec: fromJson<TrainingJobSpec>(row.spec),
    attempt: row.attempt,
    cancelRequested: row.cancelRequested,
    progress: fromJsonOrNull<NonNullable<TrainingJob['progress']>>(row.progress),
    result: fromJsonOrNull<NonNullable<TrainingJob['result']>>(row.result),
    failure: fromJsonOrNull<NonNullable<TrainingJob['failure']>>(row.failure),
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    endedAt: row.endedAt?.toISOString() ?? null,
  }
}
