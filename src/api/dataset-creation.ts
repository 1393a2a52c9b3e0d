import type { FastifyRequest } from 'fastify'
import type { Dataset } from '../contracts/dataset.js'
import type { DatasetDraft } from '../datasets/draft.js'
import { storeDataset } from '../datasets/prepare.js'
import type { AppContext } from './context.js'
import { idempotencyOf } from './idempotency.js'

/** The object first, then the row. Whatever keeps the row from coming into being, a replay included, takes the object away again. */
export async function createDataset(
  { datasets, store }: Pick<AppContext, 'datasets' | 'store'>,
  request: FastifyRequest,
  draft: DatasetDraft,
): Promise<{ dataset: Dataset; replayed: boolean }> {
  const prepared = await storeDataset(store, draft)
  const { id: _id, key, ...content } = prepared
  try {
    const created = await datasets.create(request.projectId, prepared, idempotencyOf(request, content))
    if (created.replayed) await store.delete(key)
    return created
  } catch (error) {
    await store.delete(key).catch(() => undefined)
    throw error
  }
}
