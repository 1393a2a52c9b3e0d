import type { LayersModel } from '../contracts/model.js'
import type { UploadedModel } from '../contracts/model-upload.js'
import { problem } from '../errors.js'
import type { Database } from './database.js'
import type { Model as ModelRow } from './generated/client.js'
import { createOnce, type IdempotencyKey } from './idempotency.js'
import { fromJson, toJson } from './json.js'
import { decodeCursor, type Listing, toListing } from './listing.js'
import type { Transaction } from './transaction.js'

export interface NewModel extends Omit<UploadedModel, 'createdAt'> {
  /** Of the object in the store, which exists already. */
  readonly key: string
}

export interface Models {
  /** When `replayed`, the object of this request is superfluous: delete it. @throws IDEMPOTENCY_MISMATCH */
  create(
    projectId: string,
    model: NewModel,
    idempotency?: IdempotencyKey,
  ): Promise<{ model: UploadedModel; replayed: boolean }>
  get(projectId: string, id: string): Promise<UploadedModel | null>
  /** @throws CURSOR_INVALID */
  list(projectId: string, page: { limit: number; cursor?: string | undefined }): Promise<Listing<UploadedModel>>
  /** Null when there is no such model, else the key of the object to delete. @throws MODEL_IN_USE */
  delete(projectId: string, id: string): Promise<{ key: string } | null>
}

export function makeModels(db: Database): Models {
  return {
    create: async (projectId, { key, model, ...columns }, idempotency) => {
      const { created, replayed } = await createOnce(db, projectId, idempotency, async (tx) =>
        toModel(await tx.model.create({ data: { ...columns, projectId, objectKey: key, model: toJson(model) } })),
      )
      return { model: created, replayed }
    },
    get: async (projectId, id) => {
      const row = await db.prisma.model.findFirst({ where: { id, projectId, deletedAt: null } })
      return row && toModel(row)
    },
    list: async (projectId, { limit, cursor }) => {
      const rows = await db.prisma.model.findMany({
        where: { projectId, deletedAt: null, ...(cursor !== undefined && { id: { lt: decodeCursor(cursor, 'mdl') } }) },
        orderBy: { id: 'desc' },
        take: limit + 1,
      })
      return toListing(rows.map(toModel), limit)
    },
    delete: (projectId, id) => db.prisma.$transaction((tx) => remove(tx, projectId, id)),
  }
}

/** ready → gone. A job that is being created from the model may race it: the lock makes this wait for it, and then the job counts. */
async function remove(tx: Transaction, projectId: string, id: string): Promise<{ key: string } | null> {
  const [found] = await tx.$queryRaw<{ key: string }[]>`
    select object_key as key from models where id = ${id} and project_id = ${projectId} and deleted_at is null for update`
  if (!found) return null
  const jobs = await tx.trainingJob.findMany({
    where: {
      projectId,
      status: { in: ['queued', 'running', 'paused'] },
      spec: { path: ['model', 'modelId'], equals: id },
    },
    select: { id: true },
    take: 5,
  })
  if (jobs.length > 0)
    throw problem(
      'MODEL_IN_USE',
      `jobs that are not finished start from the model: ${jobs.map((job) => job.id).join(', ')}`,
    )
  await tx.model.update({ where: { id }, data: { deletedAt: new Date() } })
  return found
}

function toModel(row: ModelRow): UploadedModel {
  return {
    id: row.id,
    name: row.name,
    format: row.format as UploadedModel['format'], // written by `create` alone
    model: fromJson<LayersModel>(row.model),
    parameters: Number(row.parameters),
    bytes: Number(row.bytes),
    sha256: row.sha256,
    createdAt: row.createdAt.toISOString(),
  }
}
