import type { FastifyRequest } from 'fastify'
import { CreateBuiltinDataset, type Dataset } from '../contracts/dataset.js'
import { parse } from '../contracts/parse.js'
import { loadBuiltin } from '../datasets/builtin.js'
import type { DatasetDraft } from '../datasets/draft.js'
import { storeDataset } from '../datasets/prepare.js'
import { problem } from '../errors.js'
import type { AppContext } from './context.js'
import { fieldProblem } from './field-problem.js'
import { idempotencyOf } from './idempotency.js'

/** A JSON body, which is absent when the request had none. */
export async function readBuiltin(body: unknown): Promise<DatasetDraft> {
  if (body === undefined)
    throw problem('REQUEST_INVALID', 'the body is empty: send JSON, or a form with a CSV file', [
      { pointer: '', detail: 'is required' },
    ])
  const parsed = parse(CreateBuiltinDataset, body)
  if (!parsed.ok) throw fieldProblem('REQUEST_INVALID', parsed.errors)
  return loadBuiltin(parsed.value.source.name, parsed.value.name)
}

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
