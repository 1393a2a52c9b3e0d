import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeClient } from '../../src/cli/client.js'
import type { Dataset } from '../../src/contracts/dataset.js'
import { decodeSafetensors, encodeSafetensors } from '../../src/formats/safetensors.js'
import { espalier, type Serving, serve } from '../support/espalier-process.js'

let folder: string
let service: Serving
let dataset: Dataset

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'espalier-cli-'))
  service = await serve(folder)
  dataset = await makeClient(service).uploadDataset({ name: 'points.csv', text: csv() }, { target: 'side' })
})
afterAll(async () => {
  await service?.stop()
  await rm(folder, { recursive: true, force: true })
})

/** 90 points; the side of x = 0 on which a point lies is to be learnt. */
function csv(): string {
  const rows = Array.from({ length: 90 }, (_, row) => {
    const x = ((row * 37) % 91) / 45 - 1
    return `${x},${((row * 53) % 89) / 44 - 1},${x > 0 ? 'right' : 'left'}`
  })
  return ['x,y,side', ...rows].join('\n')
}

async function specFile(name: string, changes: Record<string, unknown>): Promise<string> {
  const file = path.join(folder, name)
  const layers = [
    { type: 'dense', units: 8, activation: 'relu' },
    { type: 'dense', units: 2 },
  ]
  const spec = {
    datasetId: dataset.id,
    model: { kind: 'layers', inputShape: [2], layers },
    optimizer: { kind: 'adam', learningRate: 0.02 },
    steps: 60,
    batchSize: 30,
    engine: { xla: 'never' },
    ...changes,
  }
  await writeFile(file, JSON.stringify(spec))
  return file
}

it('keeps the API key in the data folder, for its owner only', async () => {
  const file = path.join(folder, 'api-key')
  expect((await readFile(file, 'utf8')).trim()).toBe(service.apiKey)
  expect((await stat(file)).mode & 0o777).toBe(0o600)
})

it('submits, watches and delivers a job; exit code 0 because it succeeded', async () => {
  const file = await specFile('good.json', { exports: ['safetensors', 'sparse'] })
  const run = await espalier(['submit', file, '--watch', '--json', '--data', folder])
  expect(run.code, run.stderr).toBe(0)
  const job = JSON.parse(run.stdout)
  expect(job).toMatchObject({ status: 'succeeded', result: { steps: 60 } })

  const client = makeClient(service)
  const weights = decodeSafetensors(await client.download(job.id, 'weights.safetensors')).tensors
  expect(Object.keys(weights).sort()).toEqual(['dense-1/bias', 'dense-1/kernel', 'dense-2/bias', 'dense-2/kernel'])
  expect((await client.artifacts(job.id)).map((artifact) => artifact.name)).toContain('weights.sparse')

  expect(run.stderr.trimEnd().split('\n').at(-1)).toMatch(/^job_.* succeeded: 60 steps/)

  const list = await espalier(['jobs', 'list', '--data', folder, '--status', 'succeeded'])
  expect(list.stdout).toContain(job.id)
  const again = await espalier(['jobs', 'watch', job.id, '--data', folder])
  expect(again.code).toBe(0)
})

it('ends with exit code 1 when the job fails, and says why', async () => {
  const file = await specFile('diverging.json', {
    optimizer: { kind: 'sgd', learningRate: 1000, momentum: 0.99 },
    loss: 'mean-squared-error',
    datasetId: (
      await makeClient(service).uploadDataset(
        {
          name: 'line.csv',
          text: ['x,y,z', ...Array.from({ length: 60 }, (_, row) => `${row},${row % 7},${row}`)].join('\n'),
        },
        { target: 'z', task: 'number' },
      )
    ).id,
    model: {
      kind: 'layers',
      inputShape: [2],
      layers: [
        { type: 'dense', units: 8 },
        { type: 'dense', units: 1 },
      ],
    },
  })
  const run = await espalier(['submit', file, '--watch', '--data', folder])
  expect(run.code).toBe(1)
  expect(run.stdout).toContain('NON_FINITE_GRADIENT')
  expect(run.stderr).not.toContain('NON_FINITE_GRADIENT')
})

it('trains on another dataset than the spec names', async () => {
  const file = await specFile('placeholder.json', { datasetId: 'ds_00000000-0000-7000-8000-000000000000' })
  expect(await espalier(['submit', file, '--data', folder])).toMatchObject({ code: 2 })
  const run = await espalier(['submit', file, '--dataset', dataset.id, '--watch', '--data', folder])
  expect(run.code, run.stderr).toBe(0)
})

it('lists page by page and says that there are more', async () => {
  const first = await espalier(['jobs', 'list', '--limit', '1', '--data', folder])
  const cursor = /--cursor (\S+)/.exec(first.stderr)?.[1] ?? ''
  const second = await espalier(['jobs', 'list', '--limit', '1', '--cursor', cursor, '--data', folder])
  const idOf = (text: string) => /job_\S+/.exec(text)?.[0]
  expect(idOf(second.stdout)).toBeDefined()
  expect(idOf(second.stdout)).not.toBe(idOf(first.stdout))
})

it('uploads a finished model, lists and deletes it', async () => {
  const values = (...numbers: number[]) => ({ type: 'float32' as const, values: Float32Array.from(numbers) })
  const weights = path.join(folder, 'net.safetensors')
  await writeFile(
    weights,
    encodeSafetensors({
      'dense-1/kernel': { ...values(1, 2, 3, 4), shape: [2, 2] },
      'dense-1/bias': { ...values(5, 6), shape: [2] },
    }),
  )
  const topology = path.join(folder, 'net.json')
  const layers = [{ type: 'dense', units: 2, name: 'dense-1' }]
  await writeFile(topology, JSON.stringify({ kind: 'layers', inputShape: [2], layers }))
  const uploaded = await espalier(['models', 'upload', weights, '--topology', topology, '--data', folder])
  expect(uploaded.code, uploaded.stderr).toBe(0)
  const id = uploaded.stdout.trim()

  const list = await espalier(['models', 'list', '--data', folder])
  expect(list.stdout.split('\n').map((line) => line.split(/ {2,}/))).toContainEqual(
    expect.arrayContaining([id, 'safetensors', '6', 'net.safetensors']),
  )
  const file = await specFile('from-model.json', { model: { kind: 'artifact', modelId: id } })
  const run = await espalier(['submit', file, '--watch', '--data', folder])
  expect(run.code, run.stderr).toBe(0)

  expect(await espalier(['models', 'delete', id, '--data', folder])).toMatchObject({
    code: 0,
    stdout: `${id} deleted\n`,
  })
  expect(await espalier(['models', 'delete', id, '--data', folder])).toMatchObject({ code: 2 })
})

it('verifies a network that was made smaller: exit code 0, and 1 with the name of a file that was changed', async () => {
  const client = makeClient(service)
  const schedule = { kind: 'one-shot', finalSparsity: 0.5, beginStep: 10 }
  const spec = await specFile('pruned.json', { steps: 20, pruning: { granularity: { kind: 'neuron' }, schedule } })
  const pruned = await client.submit(JSON.parse(await readFile(spec, 'utf8')))
  expect((await client.watch(pruned.id, {})).failure).toBeNull()

  const certificate = JSON.parse(new TextDecoder().decode(await client.download(pruned.id, 'certificate.json')))
  const verified = await espalier(['verify', pruned.id, '--json', '--data', folder])
  expect(verified.code, verified.stderr).toBe(0)
  const { pins: _, ...evidence } = certificate
  expect(JSON.parse(verified.stdout)).toMatchObject({ holds: true, changedFiles: [], certificate: evidence })

  // Both networks give the same for any examples, so nothing but the file itself tells.
  const name = 'certificate-inputs.safetensors'
  const objects = path.join(folder, 'objects')
  const file = (await readdir(objects, { recursive: true })).find(
    (key) => key.includes(pruned.id) && key.endsWith(name),
  )
  const bytes = await readFile(path.join(objects, file ?? ''))
  const first = 8 + Number(bytes.readBigUInt64LE(0)) // the lowest byte of the first number, after the header
  bytes.writeUInt8(bytes.readUInt8(first) ^ 1, first)
  await writeFile(path.join(objects, file ?? ''), bytes)
  const changed = await espalier(['verify', pruned.id, '--data', folder])
  expect(changed.code, changed.stderr).toBe(1)
  const lines = changed.stdout.trimEnd().split('\n')
  expect(lines[0]).toBe(`${name} is not the file that the certificate names`)
  expect(lines[1]).toBe(`${certificate.rows} examples of the ${certificate.split} split, after 10 updates`)
  expect(lines.at(-1)).toBe('it does NOT hold')
})

it('ends with exit code 2 when the job to verify has no certificate', async () => {
  const [job] = (await makeClient(service).jobs({ status: 'failed' })).data
  const run = await espalier(['verify', job?.id ?? '', '--data', folder])
  expect(run.code).toBe(2)
  expect(run.stderr).toContain(`job ${job?.id} has no certificate`)
})

it('makes keys with the scopes asked for, of a project of their own', async () => {
  const run = await espalier(['keys', 'create', '--project', 'other', '--scopes', 'jobs:read', '--data', folder])
  expect(run.code, run.stderr).toBe(0)
  const other = makeClient({ url: service.url, apiKey: run.stdout.trim() })
  expect((await other.jobs({})).data).toEqual([])
  await expect(other.useBuiltinDataset('mnist')).rejects.toThrow('FORBIDDEN')
})

it('tests the Redis that is set, also beside a running service', async () => {
  // Port 9 (discard) is closed on any machine that runs tests.
  const run = await espalier(['doctor', '--data', folder], { REDIS_URL: 'redis://127.0.0.1:9' })
  expect(run.stdout).toMatch(/^database +ok +embedded, in use by the service/m)
  expect(run.stdout).toMatch(/^queue +WRONG +Redis/m)
})

it('keeps the data folder to its owner', async () => {
  const mode = async (name: string) => (await stat(path.join(folder, name))).mode & 0o777
  expect(await Promise.all(['objects', 'objects/datasets', 'service.json'].map(mode))).toEqual([0o700, 0o700, 0o600])
})

it('ends with exit code 2 when the spec is refused, and names the field once', async () => {
  const run = await espalier(['submit', await specFile('bad.json', { batchSize: 0 }), '--data', folder])
  expect(run.code).toBe(2)
  expect(run.stderr.match(/\/batchSize: /g)).toHaveLength(1)
})

it('ends with exit code 4 when a watched job is cancelled', async () => {
  const submitted = await espalier(['submit', await specFile('long.json', { steps: 5_000_000 }), '--data', folder])
  const id = submitted.stdout.trim()
  const watching = espalier(['jobs', 'watch', id, '--data', folder])
  const cancelled = await espalier(['jobs', 'cancel', id, '--data', folder])
  expect(cancelled.code, cancelled.stderr).toBe(0)
  expect((await watching).code).toBe(4)
})

it('refuses a second service on the same folder', async () => {
  const second = await espalier(['serve', '--data', folder, '--port', '0'])
  expect(second.code).toBe(1)
  expect(second.stderr).toContain(`in use by process ${service.pid}`)
})

it('stops cleanly at SIGTERM and comes back with the same key and jobs', async () => {
  const before = await makeClient(service).jobs({ limit: 200 })
  expect(await service.stop()).toMatchObject({ code: 0 })
  await expect(stat(path.join(folder, 'service.json'))).rejects.toThrow('ENOENT')
  const { apiKey } = service
  service = await serve(folder)
  expect(service.apiKey).toBe(apiKey)
  expect((await makeClient(service).jobs({ limit: 200 })).data.map((job) => job.id)).toEqual(
    before.data.map((job) => job.id),
  )
})
