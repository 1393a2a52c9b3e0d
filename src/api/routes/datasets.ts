import multipart from '@fastify/multipart'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { CreateBuiltinDataset, Dataset } from '../../contracts/dataset.js'
import { DatasetId } from '../../contracts/ids.js'
import { Page, PageQuery } from '../../contracts/page.js'
import { problem } from '../../errors.js'
import { createDataset } from '../dataset-creation.js'
import { IdempotencyHeaders, markReplayed } from '../idempotency.js'
import { problems } from '../responses.js'
import { readBuiltin } from './datasets-builtin.js'
import { DatasetUpload } from './datasets-form.js'
import { readUpload, refuseTooLarge } from './datasets-upload.js'

const tags = ['datasets']
const DatasetParams = Type.Object({ id: DatasetId })
/** What a form has around its file. */
const FORM_BYTES = 1024 * 1024

export const datasetRoutes: FastifyPluginAsyncTypebox = async (app) => {
  const { datasets, store, maxUploadBytes } = app.context
  await app.register(multipart, { limits: { fileSize: maxUploadBytes, files: 1, fields: 20, fieldSize: 4096 } })

  app.post(
    '/v1/datasets',
    {
      schema: {
        operationId: 'createDataset',
        summary: 'Create a dataset: one that is built in, or from a CSV or text file',
        tags,
        headers: IdempotencyHeaders,
        body: {
          content: {
            'application/json': { schema: CreateBuiltinDataset },
            'multipart/form-data': { schema: DatasetUpload },
          },
        },
        response: { 202: Dataset, ...problems(400, 409, 413, 415, 422) },
      },
      config: { scope: 'datasets:write' },
      onRequest: async (request, reply) => refuseTooLarge(request, reply, maxUploadBytes, FORM_BYTES),
    },
    async (request, reply) => {
      const draft = request.isMultipart() ? await readUpload(request, maxUploadBytes) : await readBuiltin(request.body)
      const { dataset, replayed } = await createDataset(app.context, request, draft)
      markReplayed(reply, replayed)
      return reply.code(202).header('location', `/v1/datasets/${dataset.id}`).send(dataset)
    },
  )

  app.get(
    '/v1/datasets',
    {
      schema: {
        operationId: 'listDatasets',
        summary: 'List datasets, the newest first',
        tags,
        querystring: Type.Object(PageQuery),
        response: { 200: Page(Dataset), ...problems(400) },
      },
      config: { scope: 'datasets:read' },
    },
    async (request) => datasets.list(request.projectId, request.query),
  )

  app.get(
    '/v1/datasets/:id',
    {
      schema: {
        operationId: 'getDataset',
        summary: 'Read a dataset',
        tags,
        params: DatasetParams,
        response: { 200: Dataset, ...problems(400, 404) },
      },
      config: { scope: 'datasets:read' },
    },
    async (request) => {
      const dataset = await datasets.get(request.projectId, request.params.id)
      return dataset ?? missing(request.params.id)
    },
  )

  app.delete(
    '/v1/datasets/:id',
    {
      schema: {
        operationId: 'deleteDataset',
        summary: 'Delete a dataset that no unfinished job uses',
        tags,
        params: DatasetParams,
        response: { 204: Type.Null({ description: 'Deleted' }), ...problems(400, 404, 409) },
      },
      config: { scope: 'datasets:write' },
    },
    async (request, reply) => {
      const deleted = await datasets.delete(request.projectId, request.params.id)
      if (deleted === null) return missing(request.params.id)
      await store.delete(deleted.key)
      return reply.code(204).send(null)
    },
  )
}

function missing(id: string): never {
  throw problem('DATASET_NOT_FOUND', `there is no dataset ${id} in this project`)
}
