import type { Config } from '../config.js'
import type { Database } from '../db/database.js'
import type { JobQueue } from '../queue/job-queue.js'
import { makeObjectStore } from '../storage/make-object-store.js'
import { buildApp } from './app.js'

export interface RunningApi {
  readonly url: string
  close(): Promise<void>
}

/** Listens on the configured address. Closes the store that it opens; database and queue belong to the caller. */
export async function startApi({
  config,
  database,
  queue,
}: {
  config: Config
  database: Database
  queue: JobQueue
}): Promise<RunningApi> {
  const store = makeObjectStore(config.storage)
  const app = await buildApp({
    database,
    store,
    queue,
    maxUploadBytes: config.maxUploadBytes,
    logLevel: config.logLevel,
  })
  app.addHook('onClose', () => store.close())
  const url = await app.listen({ host: config.host, port: config.port })
  return { url, close: () => app.close() }
}
