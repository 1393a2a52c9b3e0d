import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ClippingReport } from '../../contracts/clipping-report.js'
import { PruningReport } from '../../contracts/pruning-report.js'
import { SensitivityReport } from '../../contracts/sensitivity-report.js'
import type { TrainingJob } from '../../contracts/training-job.js'
import { problem } from '../../errors.js'
import { isOver } from '../event-stream.js'
import { findJob, JobParams } from '../job-lookup.js'
import { problems } from '../responses.js'

export const reportRoutes: FastifyPluginAsyncTypebox = async (app) => {
  const { jobReports } = app.context

  app.get(
    '/v1/training-jobs/:id/reports/clipping',
    {
      schema: {
        operationId: 'getClippingReport',
        summary: 'What clipping did, over all steps so far; renewed at each checkpoint and at the end',
        tags: ['training-jobs'],
        params: JobParams,
        response: { 200: ClippingReport, ...problems(400, 404) },
      },
      config: { scope: 'jobs:read' },
    },
    async (request) => {
      const job = await findJob(app.context, request.projectId, request.params.id)
      return (await jobReports.get(job.id, 'clipping')) ?? notReady(job)
    },
  )

  app.get(
    '/v1/training-jobs/:id/reports/pruning',
    {
      schema: {
        operationId: 'getPruningReport',
        summary: 'What pruning saved, layer by layer, and the evidence for the smaller network; at the end of the job',
        tags: ['training-jobs'],
        params: JobParams,
        response: { 200: PruningReport, ...problems(400, 404) },
      },
      config: { scope: 'jobs:read' },
    },
    async (request) => {
      const job = await findJob(app.context, request.projectId, request.params.id)
      return (await jobReports.get(job.id, 'pruning')) ?? noPruningReport(job)
    },
  )

  app.get(
    '/v1/training-jobs/:id/reports/sensitivity',
    {
      schema: {
        operationId: 'getSensitivityReport',
        summary:
          'Accuracy and loss against sparsity, layer by layer, and what each layer tolerates; at the end of a scan',
        tags: ['training-jobs'],
        params: JobParams,
        response: { 200: SensitivityReport, ...problems(400, 404) },
      },
      config: { scope: 'jobs:read' },
    },
    async (request) => {
      const job = await findJob(app.context, request.projectId, request.params.id)
      return (await jobReports.get(job.id, 'sensitivity')) ?? noSensitivityReport(job)
    },
  )
}

/** @throws REPORT_NOT_READY, saying when the report comes; REPORT_NOT_MADE if it never will */
function noPruningReport(job: TrainingJob): never {
  const missing = `there is no pruning report of job ${job.id}`
  if (!job.spec.pruning) throw problem('REPORT_NOT_MADE', `${missing}: its spec has no pruning`)
  if (isOver(job)) throw problem('REPORT_NOT_MADE', `${missing}: it is over (${job.status}), and it has made none`)
  throw problem('REPORT_NOT_READY', `${missing} yet: the job is ${job.status}; the report comes at its end`)
}

/** @throws REPORT_NOT_READY, saying when the report comes; REPORT_NOT_MADE if it never will */
function noSensitivityReport(job: TrainingJob): never {
  const missing = `there is no sensitivity report of job ${job.id}`
  if (job.spec.kind !== 'sensitivity-scan')
    throw problem('REPORT_NOT_MADE', `${missing}: it trains; submit a job of kind sensitivity-scan for one`)
  if (isOver(job)) throw problem('REPORT_NOT_MADE', `${missing}: it is over (${job.status}), and it has made none`)
  throw problem('REPORT_NOT_READY', `${missing} yet: the job is ${job.status}; the report comes at its end`)
}

/** @throws REPORT_NOT_READY, saying when the report comes; REPORT_NOT_MADE if it never will */
function notReady(job: TrainingJob): never {
  const missing = `there is no clipping report of job ${job.id}`
  if (job.spec.kind === 'sensitivity-scan')
    throw problem('REPORT_NOT_MADE', `${missing}: a sensitivity scan has no gradients to clip`)
  if (isOver(job)) throw problem('REPORT_NOT_MADE', `${missing}: it is over (${job.status}), and it has made none`)
  const { everySteps } = job.spec.checkpoints
  throw problem(
    'REPORT_NOT_READY',
    `${missing} yet: the job is ${job.status}; the report comes with its first checkpoint, every ${everySteps} steps (checkpoints.everySteps), and at its end`,
  )
}
