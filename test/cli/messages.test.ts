import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { VERSION } from '../../src/version.js'
import { espalier } from '../support/espalier-process.js'

let folder: string
let taken: Server
let takenPort: string
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'espalier-messages-'))
  await writeFile(path.join(folder, 'spec.json'), '{}')
  await writeFile(path.join(folder, 'broken.json'), '{')
  taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const address = taken.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  takenPort = String(address.port)
})
afterAll(async () => {
  taken.close()
  await rm(folder, { recursive: true, force: true })
})

it('tells its version', async () => {
  expect(await espalier(['--version'])).toMatchObject({ code: 0, stdout: `${VERSION}\n` })
})

describe('a mistake is one line and an exit code', () => {
  const spec = () => path.join(folder, 'spec.json')
  // Port 9 (discard) is closed on any machine that runs tests.
  const nowhere = ['--url', 'http://127.0.0.1:9', '--api-key', 'k']
  it.each([
    ['a spec that is not there', () => ['submit', path.join(folder, 'none.json')], 2, 'none.json does not exist'],
    [
      'a model that is missing',
      () => ['models', 'upload', path.join(folder, 'absent.keras')],
      2,
      'absent.keras does not exist',
    ],
    ['a spec that is a folder', () => ['submit', folder], 2, 'is a folder; name a file'],
    ['a spec that is no JSON', () => ['submit', path.join(folder, 'broken.json')], 2, 'broken.json is not JSON'],
    ['a URL that is none', () => ['jobs', 'list', '--url', 'localhost:1', '--api-key', 'k'], 2, '"localhost:1" is not'],
    ['a service that is down', () => ['submit', spec(), ...nowhere], 3, 'no service at http://127.0.0.1:9; start one'],
    ['no service', () => ['jobs', 'list', '--data', path.join(folder, 'none')], 3, 'start one with `espalier serve`'],
    ['a data folder that is a file', () => ['serve', '--data', spec(), '--port', '0'], 2, 'spec.json is not a folder'],
    [
      'a port in use',
      () => ['serve', '--data', folder, '--port', takenPort],
      2,
      ': the port is in use; choose another with --port',
    ],
    ['an option that does not exist', () => ['jobs', 'list', '--lmit', '3'], 2, "unknown option '--lmit'"],
  ])('%s', async (_, args, code, message) => {
    const run = await espalier(args())
    expect(run.stderr).toContain(message)
    expect(run.code).toBe(code)
    expect(run.stderr).not.toContain('    at ')
  })

  it('a job to watch, of a service that is down, does not wait for it', async () => {
    const id = 'job_00000000-0000-7000-8000-000000000000'
    const run = await espalier(['jobs', 'watch', id, ...nowhere])
    expect([run.code, run.stderr.trim().split('\n').length]).toEqual([3, 1])
  })
})

it('reports each wrong variable once', async () => {
  const wrong = { PORT: 'x', LOG_LEVEL: 'loud', ESPALIER_TRAINERS: '0' }
  const run = await espalier(['doctor', '--data', folder], wrong)
  expect(run.stdout.match(/^configuration +WRONG/gm)).toHaveLength(3)
  expect(run.stdout.match(/correct the environment variables/g)).toHaveLength(1)
})
