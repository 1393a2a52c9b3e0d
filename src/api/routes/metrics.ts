import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import {
  isLayerSeries,
  isSeriesName,
  MetricSeries,
  MetricsQuery,
  partsOfLayerSeries,
  SERIES_NAMES,
} from '../../contracts/metric.js'
import { downsample } from '../downsample.js'
import { fieldProblem } from '../field-problem.js'
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
      const { fromStep, toStep, points = Number.POSITIVE_INFINITY } = request.query
      const names = request.query.names?.split(',').map((name) => name.trim())
      checkRange(names, fromStep, toStep)
      const series = await jobLog.metrics(id, { names: names ?? SERIES_NAMES, fromStep, toStep })
      const missing = names?.filter((name) => isLayerSeries(name) && series.every((one) => one.name !== name)) ?? []
      if (missing.length > 0) refuseUnrecorded(missing, await jobLog.layerSeries(id))
      return { data: series.map((one) => downsample(one, points)) }
    },
  )
}

/** Every series of layers is there from the first step on, so a job that has others never gets this one. @throws REQUEST_INVALID */
function refuseUnrecorded(names: readonly string[], recorded: readonly string[]): void {
  const unknown = names.find((name) => !recorded.includes(name))
  if (unknown === undefined || recorded.length === 0) return
  const all = (part: 'layer' | 'series') =>
    [...new Set(recorded.map((one) => partsOfLayerSeries(one)[part]))].join(', ')
  const detail = `the job has no series ${JSON.stringify(unknown)}; its layers are ${all('layer')}, and of each it has ${all('series')}`
  throw fieldProblem('REQUEST_INVALID', [{ pointer: '/names', detail }])
}

/** @throws REQUEST_INVALID for a name that no series ever has, and for a range that ends before it begins */
function checkRange(names: readonly string[] = [], fromStep = 0, toStep = Number.POSITIVE_INFINITY): void {
  const unknown = names.filter((name) => !isSeriesName(name))
  const detail = `${JSON.stringify(unknown[0])} is no series; there are ${SERIES_NAMES.join(', ')} and, of each layer, clipping.<layer>.norm and others`
  const errors = unknown.length > 0 ? [{ pointer: '/names', detail }] : []
  if (fromStep > toStep) errors.push({ pointer: '/toStep', detail: `must not be below fromStep, ${fromStep}` })
  if (errors.length > 0) throw fieldProblem('REQUEST_INVALID', errors)
}
