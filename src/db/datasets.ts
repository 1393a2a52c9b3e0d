import type { Dataset, DatasetSchema } from '../contracts/dataset.js'
import { problem } from '../errors.js'
import type { Database } from './database.js'
import type { Dataset as DatasetRow } from './generated/client.js'
import { createOnce, type IdempotencyKey } from './idempotency.js'
import { fromJson, toJson } from './json.js'
import { decodeCursor, type Listing, toListing } from './listing.js'
import type { Transaction } from './transaction.js'

export interface NewDataset {
  readonly id: string
  readonly name: string
  readonly source: string
  readonly schema: DatasetSchema
  /** Of the object in the store, which exists already. */
  readonly key: string
  readonly bytes: number
  readonly sha256: string
}

export interface Datasets {
  /** When `replayed`, the object of this request is superfluous: delete it. @throws IDEMPOTENCY_MISMATCH */
  create(
    projectId: string,
    dataset: NewDataset,
    idempotency?: IdempotencyKey,
  ): Promise<{ dataset: Dataset; replayed: boolean }>
  get(projectId: string, id: string): Promise<Dataset | null>
  /** @throws CURSOR_INVALID */
  list(projectId: string, page: { limit: number; cursor?: string | undefined }): Promise<Listing<Dataset>>
  /** Null when there is no such dataset, else the key of the object to delete. @throws DATASET_IN_USE */
  delete(projectId: string, id: string): Promise<{ key: string } | null>
}

export function makeDatasets(db: Database): Datasets {
  return {
    create: async (projectId, dataset, idempotency) => {
      const { created, replayed } = await createOnce(db, projectId, idempotency, async (tx) => {
        const { key, schema, ...columns } = dataset
        return toDataset(
          await tx.dataset.create({ data: { ...columns, projectId, objectKey: key, schema: toJson(schema) } }),
        )
      })
      return { dataset: created, replayed }
    },
    get: async (projectId, id) => {
      const row = await db.prisma.dataset.findFirst({ where: { id, projectId, deletedAt: null } })
      return row && toDataset(row)
    },
    list: async (projectId, { limit, cursor }) => {
      const rows = await db.prisma.dataset.findMany({
        where: { projectId, deletedAt: null, ...(cursor !== undefined && { id: { lt: decodeCursor(cursor, 'ds') } }) },
        orderBy: { id: 'desc' },
        take: limit + 1,
      })
      return toListing(rows.map(toDataset), limit)
    },
    delete: (projectId, id) => db.prisma.$transaction((tx) => remove(tx, projectId, id)),
  }
}

/**
 * ready → gone. A job that is being created on the dataset may race it: the lock makes this wait for it, and then the job
 * counts; a job that comes later finds no dataset.
 */
async function remove(tx: Transaction, projectId: string, id: string): Promise<{ key: string } | null> {
  const [found] = await tx.$queryRaw<{ key: string }[]>`
    select object_key as key from datasets where id = ${id} and project_id = ${projectId} and deleted_at is null for update`
  if (!found) return null
  const jobs = await tx.trainingJob.findMany({
    where: { datasetId: id, status: { in: ['queued', 'running', 'paused'] } },
    select: { id: true },
    take: 5,
  })
  if (jobs.length > 0)
    throw problem(
      'DATASET_IN_USE',
      `jobs that are not finished use the dataset: ${jobs.map((job) => job.id).join(', ')}`,
    )
  await tx.dataset.update({ where: { id }, data: { deletedAt: new Date() } })
  return found
}

function toDataset(row: DatasetRow): Dataset {
  return {
    id: row.id,
    name: row.name,
    status: 'ready',
    source: row.source,
    schema: fromJson<DatasetSchema>(row.schema),
    bytes: Number(row.bytes),
    sha256: row.sha256,
    createdAt: row.createdAt.toISOString(),
  }
}
