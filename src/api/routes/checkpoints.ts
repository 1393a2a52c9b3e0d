import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { Checkpoint } from '../../contracts/artifact.js'
import { findJob, JobParams } from '../job-lookup.js'
import { problems } from '../responses.js'

export const checkpointRoutes: FastifyPluginAsyncTypebox = async (app) => {
  const { jobLog } = app.context

  app.get(
    '/v1/training-jobs/:id/checkpoints',
    {
      schema: {
        operationId: 'listJobCheckpoints',
        summary: 'Checkpoints that are kept, the newest first',
        tags: ['training-jobs'],
        params: JobParams,
        response: { 200: Type.Object({ data: Type.Array(Checkpoint) }), ...problems(400, 404) },
      },
      config: { scope: 'jobs:read' },
    },
    async (request) => {
      const { id } = await findJob(app.context, request.projectId, request.params.id)
      return { data: await jobLog.checkpoints(id) }
    },
  )
}
