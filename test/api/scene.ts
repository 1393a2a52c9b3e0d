import { mkdtemp, readdir, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { FastifyInstance } from 'fastify'
import { buildApp } from '../../src/api/app.js'
import { makeApiKeys } from '../../src/db/api-keys.js'
import { type Attempts, makeAttempts } from '../../src/db/attempts.js'
import { type Database, makeDatabase } from '../../src/db/database.js'
import { makeFileSystemStore } from '../../src/storage/file-system-store.js'
import type { ObjectStore } from '../../src/storage/object-store.js'
import { startTestDatabase } from '../support/postgres.js'

export const ALL_SCOPES = ['datasets:read', 'datasets:write', 'jobs:read', 'jobs:write']

export interface Scene {
  readonly app: FastifyInstance
  readonly database: Database
  readonly attempts: Attempts
  readonly store: ObjectStore
  readonly projectId: string
  /** Headers of the default project, and of another one. */
  readonly auth: Readonly<Record<string, string>>
  readonly otherAuth: Readonly<Record<string, string>>
  keyWith(scopes: readonly string[]): Promise<Readonly<Record<string, string>>>
  /** Number of dataset objects in the store. */
  datasetObjects(): Promise<number>
  /** Listens on a free port once and returns the address. */
  listen(): Promise<string>
  close(): Promise<void>
}

/** The app on a fresh database and an empty file-system store. The queue only answers pings: no route publishes to it. */
export async function startScene(maxUploadBytes = 200_000): Promise<Scene> {
  const test = await startTestDatabase()
  const folder = await mkdtemp(path.join(tmpdir(), 'espalier-api-'))
  const database = makeDatabase(test.connectionString, 4)
  const store = makeFileSystemStore(folder)
  const apiKeys = makeApiKeys(database)
  const projectId = await apiKeys.ensureDefaultProject()
  const other = await database.prisma.project.create({ data: { id: 'prj_other', name: 'other' } })
  const bearer = async (project: string, scopes: readonly string[]) => ({
    authorization: `Bearer ${await apiKeys.create(project, scopes)}`,
  })
  const app = await buildApp({
    database,
    store,
    queue: { ping: async () => {} },
    maxUploadBytes,
    streamTimings: { pollMs: 20, heartbeatMs: 100 },
  })
  return {
    app,
    database,
    attempts: makeAttempts(database),
    store,
    projectId,
    auth: await bearer(projectId, ALL_SCOPES),
    otherAuth: await bearer(other.id, ALL_SCOPES),
    keyWith: (scopes) => bearer(projectId, scopes),
    datasetObjects: async () => (await readdir(path.join(folder, 'datasets')).catch(() => [])).length,
    listen: async () => {
      if (!app.server.listening) await app.listen({ host: '127.0.0.1', port: 0 })
      return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}` // A TCP server has an AddressInfo.
    },
    close: async () => {
      await app.close()
      await database.close()
      await test.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** 40 rows; two features, and labels of three classes. */
export const IRIS_CSV = `length,width,kind\n${Array.from({ length: 40 }, (_, row) => `${row / 10},${row % 7},${['a', 'b', 'c'][row % 3]}`).join('\n')}\n`
