import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type Database, makeDatabase } from '../../src/db/database.js'
import { makeJobLog } from '../../src/db/job-log.js'
import { makeTrainingJobs } from '../../src/db/training-jobs.js'
import { espalier } from '../support/espalier-process.js'
import { jobSpec, seed } from '../support/jobs.js'
import { startTestDatabase, type TestDatabase } from '../support/postgres.js'

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))

let test: TestDatabase
let db: Database
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'espalier-worker-'))
  test = await startTestDatabase()
  db = makeDatabase(test.connectionString)
})
afterAll(async () => {
  await db?.close()
  await test?.close()
  await rm(folder, { recursive: true, force: true })
})

it('takes an accepted job without any api process', async () => {
  const { projectId, datasetId } = await seed(db)
  const { job } = await makeTrainingJobs(db).create(projectId, jobSpec(datasetId))
  const environment = { DATABASE_URL: test.connectionString, ESPALIER_DATA: folder, REDIS_URL: '', LOG_LEVEL: 'error' }
  const worker = spawn(process.execPath, [MAIN, 'worker'], { env: { ...process.env, ...environment }, stdio: 'ignore' })
  const ended = once(worker, 'exit')
  try {
    await vi.waitFor(
      async () =>
        expect((await makeJobLog(db).events(job.id, 0, 10)).map((event) => event.type)).toContain('attempt.started'),
      { timeout: 45_000, interval: 100 },
    )
  } finally {
    worker.kill('SIGTERM')
    await ended
  }
})

it('an api alone is found by the commands that look into its data folder', async () => {
  const data = path.join(folder, 'api')
  const environment = { DATABASE_URL: test.connectionString, REDIS_URL: '', LOG_LEVEL: 'error' }
  const api = spawn(process.execPath, [MAIN, 'api', '--data', data, '--port', '0'], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const ended = once(api, 'exit')
  let said = ''
  api.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  try {
    await vi.waitFor(() => expect(existsSync(path.join(data, 'service.json'))).toBe(true), { timeout: 30_000 })
    expect(said).toContain(`kept in ${path.join(data, 'api-key')}`)
    expect(await espalier(['jobs', 'list', '--data', data])).toMatchObject({ code: 0 })
  } finally {
    api.kill('SIGTERM')
    await ended
  }
  expect(existsSync(path.join(data, 'service.json'))).toBe(false)
})
