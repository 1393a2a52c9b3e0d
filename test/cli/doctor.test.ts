import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodeCheck } from '../../src/cli/checks.js'
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

it('leaves nothing behind', async () => {
  const data = path.join(folder, 'data')
  const temporary = await mkdtemp(path.join(folder, 'tmp-'))
  const run = await espalier(['doctor', '--json', '--data', data], { TMPDIR: temporary })
  expect(JSON.parse(run.stdout).checks.at(-1)).toMatchObject({ name: 'store', ok: true })
  expect(await readdir(folder)).toEqual([path.basename(temporary)])
  expect((await readdir(temporary)).filter((name) => name.includes('doctor'))).toEqual([])
})

it.each([
  ['18.20.0', false],
  ['20.18.3', false],
  ['20.19.0', true],
  ['24.11.1', true],
  ['25.0.0', false],
])('finds Node.js %s good: %s', (version, ok) => {
  expect(nodeCheck(version)).toMatchObject({ ok, detail: version })
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

describe('without TensorFlow', () => {
  let withoutTensorflow: { NODE_OPTIONS: string }
  beforeAll(async () => {
    // What Node says when the addon was never built.
    const hook = path.join(folder, 'no-tensorflow.cjs')
    await writeFile(
      hook,
      `const load = require('node:module')._load
       require('node:module')._load = (name, ...rest) => {
         if (name === '@tensorflow/tfjs-node-gpu') throw new Error("Cannot find module 'tfjs_binding.node'")
         return load(name, ...rest)
       }`,
    )
    withoutTensorflow = { NODE_OPTIONS: `--require ${hook}` }
  })

  it('doctor says what to run', async () => {
    const run = await espalier(['doctor', '--data', folder], withoutTensorflow)
    expect(run.code).toBe(1)
    expect(run.stdout).toMatch(/^engine +WRONG +TensorFlow is not installed .*npm run setup/m)
  })

  it('the service does not start and says what to run', async () => {
    const run = await espalier(['serve', '--data', folder, '--port', '0'], withoutTensorflow)
    expect(run.code).toBe(1)
    expect(run.stderr).toMatch(/espalier: The worker does not start: TensorFlow is not installed .*npm run setup/)
  })
})
