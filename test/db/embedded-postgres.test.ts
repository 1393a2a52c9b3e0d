import { spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type EmbeddedPostgresServer, startEmbeddedPostgres } from '../../src/db/embedded-postgres.js'
import { isAlive } from '../../src/db/folder-lock.js'

let folder: string
let server: EmbeddedPostgresServer | null
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'espalier-test-'))
  server = null
})
afterEach(async () => {
  await server?.close()
  await rm(folder, { recursive: true, force: true })
})

async function query(connectionString: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}
const serverPid = async () =>
  Number((await readFile(path.join(folder, 'postgres/postmaster.pid'), 'utf8')).split('\n')[0])

it('keeps its data, and its password for the owner only', async () => {
  await chmod(folder, 0o755) // The other tests have a folder that is closed to the user `postgres`.
  server = await startEmbeddedPostgres(folder)
  await query(server.connectionString, 'create table kept as select 7 as n')
  expect((await stat(path.join(folder, 'postgres.password'))).mode & 0o777).toBe(0o600)
  const wrong = server.connectionString.replace(/:[^:@]+@/, ':wrong@')
  await expect(query(wrong, 'select 1')).rejects.toThrow(/password/)
  await server.close()
  server = await startEmbeddedPostgres(folder)
  expect(await query(server.connectionString, 'select n from kept')).toEqual([{ n: 7 }])
})

it('refuses a folder that a live process owns, and names the process', async () => {
  server = await startEmbeddedPostgres(folder)
  await expect(startEmbeddedPostgres(folder)).rejects.toThrow(`in use by process ${process.pid}`)
  expect(await query(server.connectionString, 'select 1 as n')).toEqual([{ n: 1 }])
})

it('takes over the folder of a killed process: its server is stopped, its data is there', async () => {
  const first = await startEmbeddedPostgres(folder)
  await query(first.connectionString, 'create table kept as select 7 as n')
  const pid = await serverPid()
  await writeFile(path.join(folder, 'owner.pid'), '999999999 1') // nobody: as if we had been killed
  server = await startEmbeddedPostgres(folder)
  expect(isAlive(pid)).toBe(false)
  expect(await query(server.connectionString, 'select n from kept')).toEqual([{ n: 7 }])
})

it('survives a postmaster.pid that names a process of somebody else', async () => {
  await (await startEmbeddedPostgres(folder)).close()
  const bystander = spawn('sleep', ['60'])
  try {
    await writeFile(path.join(folder, 'postgres/postmaster.pid'), `${bystander.pid}\n${folder}/postgres\n`)
    server = await startEmbeddedPostgres(folder)
    expect(await query(server.connectionString, 'select 1 as n')).toEqual([{ n: 1 }])
    expect(isAlive(bystander.pid ?? 0)).toBe(true)
  } finally {
    bystander.kill()
  }
})

it('begins again when the first start was cut off', async () => {
  await mkdir(path.join(folder, 'postgres.new'))
  await writeFile(path.join(folder, 'postgres.new/PG_VERSION'), '18')
  await writeFile(path.join(folder, 'postgres.password.new'), 'half')
  server = await startEmbeddedPostgres(folder)
  expect(await query(server.connectionString, 'select 1 as n')).toEqual([{ n: 1 }])
  expect((await readdir(folder)).sort()).toEqual(['owner.pid', 'postgres', 'postgres.password'])
})

it('does not begin again, over the data, when only the password is missing', async () => {
  await (await startEmbeddedPostgres(folder)).close()
  const password = path.join(folder, 'postgres.password')
  await rename(password, `${password}.away`)
  await expect(startEmbeddedPostgres(folder)).rejects.toThrow('postgres.password is missing')
  await rename(`${password}.away`, password)
  server = await startEmbeddedPostgres(folder)
})

it('tells when the server dies, and not when it is closed', async () => {
  const first = await startEmbeddedPostgres(folder)
  const told: string[] = []
  void first.died.then((reason) => told.push(reason))
  await first.close()
  server = await startEmbeddedPostgres(folder)
  process.kill(await serverPid(), 'SIGKILL')
  expect(await server.died).toBe('the embedded PostgreSQL ended with SIGKILL')
  expect(told).toEqual([])
})
