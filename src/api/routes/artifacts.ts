import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { Artifact } from '../../contracts/artifact.js'
import type { TrainingJob } from '../../contracts/training-job.js'
import type { TrainingJobSpec } from '../../contracts/training-job-spec.js'
import { type EspalierError, problem } from '../../errors.js'
import { sendObject } from '../download.js'
import { findJob, JobParams } from '../job-lookup.js'
import { problems, raw } from '../responses.js'

const tags = ['training-jobs']
const ArtifactParams = Type.Object({ ...JobParams.properties, name: Type.String({ minLength: 1, maxLength: 200 }) })
const DownloadHeaders = Type.Object({
  range: Type.Optional(Type.String({ description: 'One range of bytes: `bytes=0-1023`' })),
  'if-range': Type.Optional(Type.String({ description: 'The ETag of the part that is there already' })),
})

export const artifactRoutes: FastifyPluginAsyncTypebox = async (app) => {
  const { jobLog } = app.context

  app.get(
    '/v1/training-jobs/:id/artifacts',
    {
      schema: {
        operationId: 'listJobArtifacts',
        summary: 'Files that the job delivered',
        tags,
        params: JobParams,
        response: { 200: Type.Object({ data: Type.Array(Artifact) }), ...problems(400, 404) },
      },
      config: { scope: 'jobs:read' },
    },
    async (request) => {
      const { id } = await findJob(app.context, request.projectId, request.params.id)
      return { data: await jobLog.artifacts(id) }
    },
  )

  app.get(
    '/v1/training-jobs/:id/artifacts/:name',
    {
      schema: {
        operationId: 'downloadJobArtifact',
        summary: 'Download a file; its ETag is the SHA-256 of the content',
        tags,
        params: ArtifactParams,
        headers: DownloadHeaders,
        response: {
          200: raw('The file', 'application/octet-stream'),
          206: raw('The part asked for', 'application/octet-stream'),
          304: Type.Null({ description: 'The client has it already' }),
          ...problems(400, 404, 416),
        },
      },
      config: { scope: 'jobs:read' },
    },
    async (request, reply) => {
      const job = await findJob(app.context, request.projectId, request.params.id)
      const { name } = request.params
      const artifact = await jobLog.artifact(job.id, name)
      if (artifact === null) throw missing(job, name, await jobLog.artifacts(job.id))
      return sendObject(app.context.store, artifact, request, reply)
    },
  )
}

/** What in a spec makes an artifact that not every job has. */
const MADE_BY: Readonly<Record<string, { isAsked(spec: TrainingJobSpec): boolean; remedy: string }>> = {
  'weights.safetensors': {
    isAsked: ({ exports }) => exports.includes('safetensors'),
    remedy: 'add "safetensors" to exports',
  },
  'weights.sparse': { isAsked: ({ exports }) => exports.includes('sparse'), remedy: 'add "sparse" to exports' },
  'sample.txt': { isAsked: ({ sampling }) => sampling !== undefined, remedy: 'give sampling' },
}

function missing({ id, status, spec }: TrainingJob, name: string, artifacts: readonly Artifact[]): EspalierError {
  const made = Object.hasOwn(MADE_BY, name) ? MADE_BY[name] : undefined
  const names = artifacts.map((artifact) => artifact.name).join(', ')
  const reason =
    made && !made.isAsked(spec)
      ? `its spec does not ask for it: ${made.remedy} in a new job`
      : names === ''
        ? `it has none; the job is ${status}, and artifacts come when it succeeds`
        : `it has ${names}`
  return problem('ARTIFACT_NOT_FOUND', `job ${id} has no artifact ${JSON.stringify(name)}: ${reason}`)
}
