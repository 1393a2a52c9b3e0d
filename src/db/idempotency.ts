import { problem } from '../errors.js'
import type { Database } from './database.js'
import { Prisma } from './generated/client.js'
import { fromJson, toJson } from './json.js'
import type { Transaction } from './transaction.js'

export interface IdempotencyKey {
  readonly key: string
  /** Hash of the request: method, path and body. */
  readonly fingerprint: string
}

/**
 * Runs `create` in one transaction with the record of its key. A second request with the key waits at the unique index until
 * the first has committed, is then rolled back, and gets the stored answer of the first.
 * @throws IDEMPOTENCY_MISMATCH if the key was used for another request
 */
export async function createOnce<T extends object>(
  db: Database,
  projectId: string,
  idempotency: IdempotencyKey | undefined,
  create: (tx: Transaction) => Promise<T>,
): Promise<{ created: T; replayed: boolean }> {
  if (!idempotency) return { created: await db.prisma.$transaction(create), replayed: false }
  const earlier = await replay<T>(db, projectId, idempotency)
  if (earlier) return { created: earlier, replayed: true }
  try {
    const created = await db.prisma.$transaction(async (tx) => {
      const resource = await create(tx)
      await tx.idempotencyRecord.create({ data: { projectId, ...idempotency, response: toJson(resource) } })
      return resource
    })
    return { created, replayed: false }
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    const first = await replay<T>(db, projectId, idempotency)
    if (!first) throw error
    return { created: first, replayed: true }
  }
}

async function replay<T extends object>(
  db: Database,
  projectId: string,
  { key, fingerprint }: IdempotencyKey,
): Promise<T | null> {
  const record = await db.prisma.idempotencyRecord.findUnique({ where: { projectId_key: { projectId, key } } })
  if (!record) return null
  if (record.fingerprint !== fingerprint)
    throw problem(
      'IDEMPOTENCY_MISMATCH',
      'this Idempotency-Key was used with another request: send a new key with a new request',
    )
  return fromJson<T>(record.response)
}

function isUniqueViolation(error: unknown): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002'
}
