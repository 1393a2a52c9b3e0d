import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { type EmbeddedPostgresServer, startEmbeddedPostgres } from '../../src/db/embedded-postgres.js'
import { migrate } from '../../src/db/migrate.js'

export interface TestDatabase {
  readonly connectionString: string
  close(): Promise<void>
}

interface TestServer {
  readonly server: EmbeddedPostgresServer
  readonly folder: string
  users: number
  databases: number
}

let started: Promise<TestServer> | null = null

/**
 * A fresh, migrated database. One embedded server per test process; the migrations run once, in a template that is then
 * cloned. The server ends with its last database.
 */
export async function startTestDatabase(): Promise<TestDatabase> {
  started ??= startServer()
  const test = await started
  test.users += 1
  test.databases += 1
  const name = `test_${test.databases}`
  await query(test, `create database ${name} template espalier`)
  return {
    connectionString: at(test, name),
    close: async () => {
      test.users -= 1
      if (test.users > 0) return query(test, `drop database ${name} with (force)`)
      started = null
      await test.server.close()
      await rm(test.folder, { recursive: true, force: true })
    },
  }
}

async function startServer(): Promise<TestServer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'espalier-test-'))
  const server = await startEmbeddedPostgres(folder)
  await migrate(server.connectionString)
  return { server, folder, users: 0, databases: 0 }
}

function at({ server }: TestServer, database: string): string {
  return server.connectionString.replace(/\/espalier$/, `/${database}`)
}

/** From the maintenance database: a template must have no other session. */
async function query(test: TestServer, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: at(test, 'postgres') })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
