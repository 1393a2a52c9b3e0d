import { startApi } from '../api/server.js'
import { type Config, queueConfig } from '../config.js'
import { makeApiKeys } from '../db/api-keys.js'
import { makeAttempts } from '../db/attempts.js'
import { type Database, makeDatabase } from '../db/database.js'
import { startEmbeddedPostgres } from '../db/embedded-postgres.js'
import { acquireFolder } from '../db/folder-lock.js'
import { migrate } from '../db/migrate.js'
import { makeOutbox } from '../db/outbox.js'
import { makeSweeps } from '../db/sweeps.js'
import { type JobQueue, makeJobQueue } from '../queue/job-queue.js'
import { startRelay } from '../queue/relay.js'
import type { Log } from '../workers/log.js'
import { startSweeper } from '../workers/sweep.js'
import { startWorker } from '../workers/worker.js'
import { type Closers, makeClosers } from './closers.js'
import { announceService, ensureApiKey, ensureDataFolder, type StoredKey } from './data-folder.js'
import { checkPort } from './port.js'

export interface Service {
  readonly url: string
  readonly apiKey: StoredKey
  /** Resolves, with what happened, when the service cannot go on: close it then. */
  readonly broken: Promise<string>
  close(): Promise<void>
}

const RELAY_INTERVAL_MS = 200

/** PostgreSQL (embedded unless DATABASE_URL names one), api, relay, worker and sweeper in this process; all or nothing. */
export async function startService(config: Config, log: Log): Promise<Service> {
  const closers = makeClosers()
  try {
    await ensureDataFolder(config.dataFolder)
    // Before the worker takes jobs, which it would have to give back.
    await checkPort(config)
    const { databaseUrl, broken } = await openDataFolder(config, closers)
    const { database, queue } = await connectParts(config, databaseUrl, log, closers)
    runRelay({ database, queue }, log, closers)
    const apiKey = await ensureApiKey(config.dataFolder, makeApiKeys(database))
    // The worker first: it may refuse to start, and closing goes the other way round, so the api stops accepting before the worker stops.
    await runWorker(config, { database, queue }, log, closers)
    const api = await runApi(config, { database, queue }, closers)
    closers.add(await announceService(config.dataFolder, { url: api.url, pid: process.pid }))
    return { url: api.url, apiKey, broken, close: closers.close }
  } catch (error) {
    await closers.close().catch(() => undefined)
    throw error
  }
}

/** Takes the folder for this process, so that a second service on it fails clearly, and returns the address of its database. */
async function openDataFolder(
  config: Config,
  closers: Closers,
): Promise<{ readonly databaseUrl: string; readonly broken: Promise<string> }> {
  if (config.databaseUrl === null) {
    const server = closers.add(await startEmbeddedPostgres(config.dataFolder))
    return { databaseUrl: server.connectionString, broken: server.died }
  }
  const lock = await acquireFolder(config.dataFolder)
  closers.add({ close: () => lock.release() })
  // A server of one's own comes back: what needs it waits.
  return { databaseUrl: config.databaseUrl, broken: new Promise(() => undefined) }
}

export interface Parts {
  readonly database: Database
  readonly queue: JobQueue
}

export async function connectParts(config: Config, databaseUrl: string, log: Log, closers: Closers): Promise<Parts> {
  await migrate(databaseUrl)
  const database = closers.add(makeDatabase(databaseUrl))
  const queue = closers.add(
    makeJobQueue(queueConfig(config, databaseUrl), (error) => {
      if (!closers.isClosing()) log.warn({ err: error }, 'the queue is out of reach')
    }),
  )
  return { database, queue }
}

/** Carries accepted jobs to the queue. Every process has one, because jobs come back to the outbox without the api too. */
export function runRelay({ database, queue }: Parts, log: Log, closers: Closers): void {
  closers.add(
    startRelay({
      outbox: makeOutbox(database),
      queue,
      intervalMs: RELAY_INTERVAL_MS,
      onError: (error) => log.warn({ err: error }, 'accepted jobs wait: the queue or the database is out of reach'),
    }),
  )
}

/** The HTTP interface. */
export async function runApi(
  config: Config,
  { database, queue }: Parts,
  closers: Closers,
): Promise<{ readonly url: string }> {
  return closers.add(await startApi({ config, database, queue }))
}

/** The worker, and the sweeper that takes up what dead workers leave. */
export async function runWorker(config: Config, { database, queue }: Parts, log: Log, closers: Closers): Promise<void> {
  const attempts = makeAttempts(database)
  closers.add(startSweeper({ sweeps: makeSweeps(database), attempts, log, intervalMs: config.sweepIntervalMs }))
  closers.add(
    await startWorker({
      id: config.worker.id,
      attempts,
      queue,
      storage: config.storage,
      trainerCount: config.worker.trainers,
      log,
      timings: { leaseMs: config.worker.leaseMs, graceMs: config.worker.graceMs },
    }),
  )
}
