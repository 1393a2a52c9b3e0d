import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { MetricSeries, MetricsQuery } from '../../contracts/metric.js'
import { downsample } from '../downsample.js'
import { findJob, JobParams } from '../job-lookup.js'
import { problems } from '../responses.js'

export const metricRoutes: FastifyPluginAsyncTypebox = async (app) => {
  const { jobLog } = app.context

  app.get(
    '/v1/training-jobs/:id/metrics',
    {
      schema: {
        operationId: 'getJobMetrics',
        summary: 'Series recorded while the job trains',
        tags: ['training-jobs'],
        params: JobParams,
        querystring: MetricsQuery,
        response: { 200: Type.Object({ data: Type.Array(MetricSeries) }), ...problems(400, 404) },
      },
      config: { scope: 'jobs:read' },
    },
    async (request) => {
      const { id } = await findJob(app.context, request.projectId, request.params.id)
      const { names, fromStep, toStep, points = Number.POSITIVE_INFINITY } = request.query
      const series = await jobLog.metrics(id, { names: names?.split(',').map((name) => name.trim()), fromStep, toStep })
      return { data: series.map((one) => downsample(one, points)) }
    },
  )
}
