import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { Page, PageQuery } from '../../contracts/page.js'
import { JOB_STATUSES, TrainingJob, TrainingPlan } from '../../contracts/training-job.js'
import { TrainingJobSpec } from '../../contracts/training-job-spec.js'
import { fieldProblem } from '../field-problem.js'
import { IdempotencyHeaders, idempotencyOf, markReplayed } from '../idempotency.js'
import { createJob, planJob } from '../job-creation.js'
import { JobParams, jobMissing } from '../job-lookup.js'
import { problems } from '../responses.js'

const tags = ['training-jobs']

export const trainingJobRoutes: FastifyPluginAsyncTypebox = async (app) => {
  const { trainingJobs } = app.context

  app.post(
    '/v1/training-jobs',
    {
      schema: {
        operationId: 'createTrainingJob',
        summary: 'Train a network; with validateOnly, only say what it would amount to',
        tags,
        headers: IdempotencyHeaders,
        querystring: Type.Object({
          validateOnly: Type.Boolean({ default: false, description: 'Answer 200 with the plan and create nothing' }),
        }),
        body: TrainingJobSpec,
        response: { 200: TrainingPlan, 202: TrainingJob, ...problems(400, 409, 413, 415, 422) },
      },
      config: { scope: 'jobs:write' },
    },
    async (request, reply) => {
      if (request.query.validateOnly) return planJob(app.context, request.projectId, request.body)
      const idempotency = idempotencyOf(request, request.body)
      const { job, replayed } = await createJob(app.context, request.projectId, request.body, idempotency)
      markReplayed(reply, replayed)
      return reply.code(202).header('location', `/v1/training-jobs/${job.id}`).send(job)
    },
  )

  app.get(
    '/v1/training-jobs',
    {
      schema: {
        operationId: 'listTrainingJobs',
        summary: 'List training jobs, the newest first',
        tags,
        querystring: Type.Object({
          ...PageQuery,
          status: Type.Optional(Type.Enum([...JOB_STATUSES])),
          name: Type.Optional(Type.String({ maxLength: 200, description: 'The whole name' })),
          createdAfter: Type.Optional(Type.String({ format: 'date-time', description: 'RFC 3339; exclusive' })),
        }),
        response: { 200: Page(TrainingJob), ...problems(400) },
      },
      config: { scope: 'jobs:read' },
    },
    async (request) => {
      const { createdAfter, ...filter } = request.query
      const time = createdAfter === undefined ? {} : { createdAfter: timeOf(createdAfter) }
      return trainingJobs.list(request.projectId, { ...filter, ...time })
    },
  )

  app.get(
    '/v1/training-jobs/:id',
    {
      schema: {
        operationId: 'getTrainingJob',
        summary: 'Read a training job: status, spec with all defaults, progress, result',
        tags,
        params: JobParams,
        response: { 200: TrainingJob, ...problems(400, 404) },
      },
      config: { scope: 'jobs:read' },
    },
    async (request) => {
      const job = await trainingJobs.get(request.projectId, request.params.id)
      return job ?? jobMissing(request.params.id)
    },
  )

  app.post(
    '/v1/training-jobs/:id/cancel',
    {
      schema: {
        operationId: 'cancelTrainingJob',
        summary: 'Ask a job to stop; one that runs stops within a few steps',
        tags,
        params: JobParams,
        response: { 202: TrainingJob, ...problems(400, 404, 409) },
      },
      config: { scope: 'jobs:write' },
    },
    async (request, reply) => {
      const job = await trainingJobs.requestCancel(request.projectId, request.params.id)
      return reply.code(202).send(job ?? jobMissing(request.params.id))
    },
  )
}

/** A leap second has the form of a time, and year 0 is one to JavaScript, but neither is one that the database knows. */
function timeOf(text: string): Date {
  const time = new Date(text)
  if (time.getTime() > Date.UTC(1, 0)) return time
  throw fieldProblem('REQUEST_INVALID', [
    { pointer: '/createdAfter', detail: `${text} is not a time that can be compared with` },
  ])
}
