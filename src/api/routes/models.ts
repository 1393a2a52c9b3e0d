import multipart from '@fastify/multipart'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { ModelId } from '../../contracts/ids.js'
import { UploadedModel } from '../../contracts/model-upload.js'
import { Page, PageQuery } from '../../contracts/page.js'
import { problem } from '../../errors.js'
import { IdempotencyHeaders, markReplayed } from '../idempotency.js'
import { createModel } from '../model-creation.js'
import { problems } from '../responses.js'
import { refuseTooLarge } from './datasets-upload.js'
import { MAX_TOPOLOGY_BYTES, ModelForm, readModelForm } from './models-form.js'

const tags = ['models']
/** What a form has around its file. */
const FORM_BYTES = 2 * MAX_TOPOLOGY_BYTES
const ModelParams = Type.Object({ id: ModelId })

export const modelRoutes: FastifyPluginAsyncTypebox = async (app) => {
  const { models, store, maxUploadBytes } = app.context
  // Two files: the second is refused by its name, before it is read.
  await app.register(multipart, {
    limits: { fileSize: maxUploadBytes, files: 2, fields: 10, fieldSize: MAX_TOPOLOGY_BYTES },
  })

  app.post(
    '/v1/models',
    {
      schema: {
        operationId: 'createModel',
        summary: 'Upload a finished model: .keras, TensorFlow.js in a zip, or safetensors with its layers',
        tags,
        headers: IdempotencyHeaders,
        body: { content: { 'multipart/form-data': { schema: ModelForm } } },
        response: { 201: UploadedModel, ...problems(400, 409, 413, 415, 422) },
      },
      config: { scope: 'datasets:write' },
      onRequest: async (request, reply) => refuseTooLarge(request, reply, maxUploadBytes, FORM_BYTES),
    },
    async (request, reply) => {
      const { model, replayed } = await createModel(app.context, request, await readModelForm(request))
      markReplayed(reply, replayed)
      return reply.code(201).header('location', `/v1/models/${model.id}`).send(model)
    },
  )

  app.get(
    '/v1/models',
    {
      schema: {
        operationId: 'listModels',
        summary: 'List uploaded models, the newest first',
        tags,
        querystring: Type.Object(PageQuery),
        response: { 200: Page(UploadedModel), ...problems(400) },
      },
      config: { scope: 'datasets:read' },
    },
    async (request) => models.list(request.projectId, request.query),
  )

  app.get(
    '/v1/models/:id',
    {
      schema: {
        operationId: 'getModel',
        summary: 'Read an uploaded model: its layers and the size of its weights',
        tags,
        params: ModelParams,
        response: { 200: UploadedModel, ...problems(400, 404) },
      },
      config: { scope: 'datasets:read' },
    },
    async (request) => (await models.get(request.projectId, request.params.id)) ?? missing(request.params.id),
  )

  app.delete(
    '/v1/models/:id',
    {
      schema: {
        operationId: 'deleteModel',
        summary: 'Delete an uploaded model that no unfinished job starts from',
        tags,
        params: ModelParams,
        response: { 204: Type.Null({ description: 'Deleted' }), ...problems(400, 404, 409) },
      },
      config: { scope: 'datasets:write' },
    },
    async (request, reply) => {
      const deleted = await models.delete(request.projectId, request.params.id)
      if (deleted === null) return missing(request.params.id)
      await store.delete(deleted.key)
      return reply.code(204).send(null)
    },
  )
}

function missing(id: string): never {
  throw problem('MODEL_NOT_FOUND', `there is no model ${id} in this project`)
}
