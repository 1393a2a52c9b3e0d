import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Config, queueConfig } from '../config.js'
import { makeDatabase } from '../db/database.js'
import { startEmbeddedPostgres } from '../db/embedded-postgres.js'
import { makeJobQueue } from '../queue/job-queue.js'
import { makeObjectStore } from '../storage/make-object-store.js'
import { checkEngine } from '../workers/engine-check.js'
import { runningService } from './target.js'

export interface Check {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
  /** How to put it right. */
  readonly fix?: string
}

const LOWEST_NODE = [20, 19] as const
/** The engine does not build on it. */
const FIRST_NODE_TOO_NEW = 25

/** Everything a service on this configuration needs, tried for real; a check that fails does not keep the others from running. */
export async function runChecks(config: Config): Promise<Check[]> {
  const [engine, databaseAndQueue, store] = await Promise.all([
    engineCheck(),
    databaseAndQueueChecks(config),
    storeCheck(config),
  ])
  return [nodeCheck(), engine, ...databaseAndQueue, store]
}

export function nodeCheck(version = process.versions.node): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isNewEnough = major > LOWEST_NODE[0] || (major === LOWEST_NODE[0] && minor >= LOWEST_NODE[1])
  const ok = isNewEnough && major < FIRST_NODE_TOO_NEW
  const check = { name: 'node', ok, detail: version }
  return ok
    ? check
    : { ...check, fix: `install Node.js ${LOWEST_NODE.join('.')} or newer, below ${FIRST_NODE_TOO_NEW}` }
}

async function engineCheck(): Promise<Check> {
  const engine = await checkEngine()
  if (!engine.ok) return { name: 'engine', ok: false, detail: engine.message, fix: 'run `npm run setup`' }
  const { tensorflow, device, intraOpThreads, oneDnn } = engine.info
  const threads = intraOpThreads === 1 ? '1 thread' : `${intraOpThreads} threads`
  return {
    name: 'engine',
    ok: true,
    detail: `TensorFlow ${tensorflow}, ${device.toUpperCase()}, ${threads}, oneDNN ${oneDnn ? 'on' : 'off'}`,
  }
}

async function databaseAndQueueChecks(config: Config): Promise<Check[]> {
  if (config.databaseUrl !== null)
    return [
      await databaseCheck(config.databaseUrl, host(config.databaseUrl), 'check DATABASE_URL and that its server runs'),
      await queueCheck(config, config.databaseUrl),
    ]
  const service = await liveService(config.dataFolder)
  if (service !== null) {
    const detail = `embedded, in use by the service at ${service}`
    return [
      { name: 'database', ok: true, detail },
      // Beside an embedded database the queue may lie in a Redis of one's own.
      config.redisUrl === null ? { name: 'queue', ok: true, detail } : await queueCheck(config, ''),
    ]
  }
  // A folder of its own: the one of the service may not exist yet, and doctor leaves nothing behind.
  const folder = await mkdtemp(path.join(tmpdir(), 'espalier-doctor-'))
  try {
    const server = await startEmbeddedPostgres(folder)
    try {
      return [
        await databaseCheck(server.connectionString, 'embedded', 'run `npm run setup`'),
        await queueCheck(config, server.connectionString),
      ]
    } finally {
      await server.close()
    }
  } catch (error) {
    const detail = `the embedded PostgreSQL does not start: ${messageOf(error)}`
    return [{ name: 'database', ok: false, detail, fix: 'run `npm run setup`, or set DATABASE_URL' }]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function databaseCheck(connectionString: string, where: string, fix: string): Promise<Check> {
  const database = makeDatabase(connectionString)
  try {
    const [row] = await database.prisma.$queryRaw<{ server_version: string }[]>`show server_version`
    return { name: 'database', ok: true, detail: `PostgreSQL ${row?.server_version ?? '?'}, ${where}` }
  } catch (error) {
    return { name: 'database', ok: false, detail: `${where}: ${messageOf(error)}`, fix }
  } finally {
    await database.close()
  }
}

async function queueCheck(config: Config, databaseUrl: string): Promise<Check> {
  const where = config.redisUrl === null ? 'in PostgreSQL' : `Redis, ${host(config.redisUrl)}`
  const fix = config.redisUrl === null ? 'put the database right first' : 'check REDIS_URL and that its server runs'
  try {
    const queue = makeJobQueue(queueConfig(config, databaseUrl))
    try {
      await queue.ping()
      return { name: 'queue', ok: true, detail: where }
    } finally {
      await withTimeout(queue.close(), 5000).catch(() => undefined)
    }
  } catch (error) {
    return { name: 'queue', ok: false, detail: `${where}: ${messageOf(error)}`, fix }
  }
}

async function storeCheck(config: Config): Promise<Check> {
  const where = config.storage.folder
  const key = 'probe'
  let folder: string | null = null
  try {
    // A folder of its own in the one of the store, or where that would be made: it goes with everything in it.
    folder = await mkdtemp(path.join(nearestExisting(path.resolve(where)), '.espalier-doctor-'))
    const store = makeObjectStore({ ...config.storage, folder })
    const probe = new TextEncoder().encode('espalier')
    await store.put(key, probe)
    const read = await store.get(key)
    await store.delete(key)
    await store.close()
    if (Buffer.compare(read, probe) !== 0) throw new Error('an object came back changed')
    return { name: 'store', ok: true, detail: where }
  } catch (error) {
    return {
      name: 'store',
      ok: false,
      detail: `${where}: ${messageOf(error)}`,
      fix: 'make the folder writable, or choose another with --data',
    }
  } finally {
    if (folder !== null) await rm(folder, { recursive: true, force: true })
  }
}

function nearestExisting(folder: string): string {
  const parent = path.dirname(folder)
  return existsSync(folder) || parent === folder ? folder : nearestExisting(parent)
}

/** Address of the service that runs on the data folder, if it answers. */
async function liveService(dataFolder: string): Promise<string | null> {
  const service = await runningService(dataFolder)
  if (service === null) return null
  const answer = await fetch(`${service.url}/readyz`, { signal: AbortSignal.timeout(5000) }).catch(() => null)
  return answer?.ok ? service.url : null
}

/** A client that tries to reach a server for ever answers nothing; here that is an answer. */
async function withTimeout<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms / 1000} s`)), ms)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

/** Without the password. */
function host(url: string): string {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ')
  const message = error instanceof Error ? error.message : String(error)
  // Prisma tells at length which call it was, and in the last line what happened.
  return message.trim().split('\n').at(-1) ?? message
}
