import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyInstance, LogController } from 'fastify'
import { makeApiKeys } from '../db/api-keys.js'
import type { Database } from '../db/database.js'
import { makeDatasets } from '../db/datasets.js'
import { makeJobLog } from '../db/job-log.js'
import { makeModels } from '../db/models.js'
import { makeJobReports } from '../db/reports.js'
import { makeTrainingJobs } from '../db/training-jobs.js'
import type { JobQueue } from '../queue/job-queue.js'
import type { ObjectStore } from '../storage/object-store.js'
import type { AppContext, StreamTimings } from './context.js'
import { auth } from './plugins/auth.js'
import { conditionalRequests } from './plugins/conditional-requests.js'
import { jsonBodies } from './plugins/json-bodies.js'
import { openApi } from './plugins/open-api.js'
import { answerBrokenRequest, problemResponses, sendProblem } from './plugins/problem-responses.js'
import { promptClosing } from './plugins/prompt-closing.js'
import { requestIdOf, requestIds } from './plugins/request-ids.js'
import { validation } from './plugins/validation.js'
import { artifactRoutes } from './routes/artifacts.js'
import { checkpointRoutes } from './routes/checkpoints.js'
import { datasetRoutes } from './routes/datasets.js'
import { eventRoutes } from './routes/events.js'
import { healthRoutes } from './routes/health.js'
import { metricRoutes } from './routes/metrics.js'
import { modelRoutes } from './routes/models.js'
import { problemTypeRoutes } from './routes/problem-types.js'
import { reportRoutes } from './routes/reports.js'
import { trainingJobRoutes } from './routes/training-jobs.js'

export interface AppDependencies {
  readonly database: Database
  readonly store: ObjectStore
  readonly queue: Pick<JobQueue, 'ping'>
  /** Default 512 MiB. */
  readonly maxUploadBytes?: number
  /** Default silent. */
  readonly logLevel?: string
  readonly streamTimings?: StreamTimings
}

const MAX_JSON_BYTES = 1024 * 1024
const MAX_PARAM_LENGTH = 500
/** For sending the whole request, so that a client cannot hold a connection by sending nothing. */
const REQUEST_TIMEOUT_MS = 30 * 60_000
const MAX_UPLOAD_BYTES = 512 * 1024 * 1024
const STREAM_TIMINGS: StreamTimings = { pollMs: 250, heartbeatMs: 15_000 }

/** The HTTP interface over its dependencies, which it does not close; it does not listen. */
export async function buildApp(dependencies: AppDependencies): Promise<FastifyInstance> {
  const { logLevel = 'silent' } = dependencies
  const app = Fastify({
    // Standard output belongs to the command that runs the api.
    logger: { level: logLevel, redact: ['req.headers.authorization'], stream: process.stderr },
    genReqId: requestIdOf,
    bodyLimit: MAX_JSON_BYTES,
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: sendProblem,
    // Two lines a request are for debugging: clients poll.
    logController: new LogController({ disableRequestLogging: logLevel !== 'debug' && logLevel !== 'trace' }),
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    requestTimeout: REQUEST_TIMEOUT_MS,
  }).withTypeProvider<TypeBoxTypeProvider>()
  app.removeContentTypeParser('text/plain') // Taken by default, but no route reads text.
  const closing = new AbortController()
  app.decorate('context', contextOf(dependencies, closing.signal))
  app.addHook('preClose', async () => closing.abort())
  await app.register(promptClosing)
  await app.register(requestIds)
  await app.register(problemResponses)
  await app.register(jsonBodies)
  await app.register(validation)
  await app.register(openApi)
  await app.register(auth)
  await app.register(conditionalRequests)
  const routes = [
    healthRoutes,
    problemTypeRoutes,
    datasetRoutes,
    modelRoutes,
    trainingJobRoutes,
    eventRoutes,
    metricRoutes,
    reportRoutes,
    checkpointRoutes,
    artifactRoutes,
  ]
  for (const plugin of routes) await app.register(plugin)
  return app
}

function contextOf(dependencies: AppDependencies, closing: AbortSignal): AppContext {
  const { database, store, queue, maxUploadBytes = MAX_UPLOAD_BYTES, streamTimings = STREAM_TIMINGS } = dependencies
  return {
    database,
    store,
    queue,
    maxUploadBytes,
    streamTimings,
    closing,
    trainingJobs: makeTrainingJobs(database),
    datasets: makeDatasets(database),
    models: makeModels(database),
    jobLog: makeJobLog(database),
    jobReports: makeJobReports(database),
    apiKeys: makeApiKeys(database),
  }
}
