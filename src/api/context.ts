import type { Scope } from '../contracts/scope.js'
import type { ApiKeys } from '../db/api-keys.js'
import type { Database } from '../db/database.js'
import type { Datasets } from '../db/datasets.js'
import type { JobLog } from '../db/job-log.js'
import type { Models } from '../db/models.js'
import type { JobReports } from '../db/reports.js'
import type { TrainingJobs } from '../db/training-jobs.js'
import type { JobQueue } from '../queue/job-queue.js'
import type { ObjectStore } from '../storage/object-store.js'

export interface StreamTimings {
  /** How often an event stream looks for news. */
  readonly pollMs: number
  /** A comment is sent when nothing else was for so long. */
  readonly heartbeatMs: number
}

/** What the routes work with; every instance of the app has these as members. */
export interface AppContext {
  readonly database: Pick<Database, 'prisma'>
  readonly trainingJobs: TrainingJobs
  readonly datasets: Datasets
  readonly models: Models
  readonly jobLog: JobLog
  readonly jobReports: JobReports
  readonly apiKeys: Pick<ApiKeys, 'authenticate'>
  readonly store: ObjectStore
  readonly queue: Pick<JobQueue, 'ping'>
  readonly maxUploadBytes: number
  readonly streamTimings: StreamTimings
  /** Aborted when the app closes, so that open streams end. */
  readonly closing: AbortSignal
}

declare module 'fastify' {
  interface FastifyInstance {
    readonly context: AppContext
  }
  interface FastifyRequest {
    /** Id of the project of the API key; empty on public routes. */
    projectId: string
  }
  interface FastifyContextConfig {
    /** What the API key must be allowed to do; every route below /v1 has one. */
    scope?: Scope
  }
}
