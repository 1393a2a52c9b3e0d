import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { espalier } from '../support/espalier-process.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'espalier-death-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

it('ends, with exit code 1 and a sentence, when its PostgreSQL dies', async () => {
  const serving = espalier(['serve', '--data', folder, '--port', '0'], {
    ESPALIER_GRACE_MS: '1000',
    LOG_LEVEL: 'error',
  })
  await vi.waitFor(() => expect(existsSync(path.join(folder, 'service.json'))).toBe(true), { timeout: 50_000 })
  const pid = Number((await readFile(path.join(folder, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0])
  process.kill(pid, 'SIGKILL')
  const { code, stderr } = await serving
  expect(code).toBe(1)
  expect(stderr).toContain('espalier: the embedded PostgreSQL ended with SIGKILL: the service stops')
  expect(existsSync(path.join(folder, 'owner.pid'))).toBe(false)
})
