import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { espalier } from '../support/espalier-process.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'espalier-doctor-test-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

it('finds nothing wrong where everything is set up', async () => {
  const run = await espalier(['doctor', '--json', '--data', folder])
  const { ok, checks } = JSON.parse(run.stdout)
  expect(checks.map((check: { name: string }) => check.name)).toEqual(['node', 'engine', 'database', 'queue', 'store'])
  expect(checks.filter((check: { ok: boolean }) => !check.ok)).toEqual([])
  expect(ok).toBe(true)
  expect(run.code).toBe(0)
  expect(checks[1].detail).toMatch(/^TensorFlow \d+\.\d+\.\d+, (CPU|GPU), \d+ threads?, /)
})

it('names a database that is out of reach and what to do, exit code 1', async () => {
  // Port 9 (discard) is closed on any machine that runs tests.
  const run = await espalier(['doctor', '--data', folder], {
    DATABASE_URL: 'postgresql://someone:secret@127.0.0.1:9/none',
  })
  expect(run.code).toBe(1)
  expect(run.stdout).toMatch(/^database\s+WRONG/m)
  expect(run.stdout).toContain('database: check DATABASE_URL')
  expect(run.stdout).not.toContain('secret')
})
