import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Client, makeClient } from '../../src/cli/client.js'
import type { JobEvent } from '../../src/contracts/event.js'
import type { JobProgress } from '../../src/contracts/training-job.js'
import { decodeSafetensors } from '../../src/formats/safetensors.js'
import { decodeSparse } from '../../src/formats/sparse.js'
import { type Serving, serve } from '../support/espalier-process.js'

let folder: string
let service: Serving
let client: Client
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'espalier-e2e-'))
  service = await serve(folder)
  client = makeClient(service)
})
afterAll(async () => {
  await service?.stop()
  await rm(folder, { recursive: true, force: true })
})

const STEPS = 200
/** Kernel weights of LeNet-300-100: 784 · 300 + 300 · 100 + 100 · 10. */
const WEIGHTS = 266_200

it('trains, clips and prunes MNIST over a real socket and delivers files that agree with the result', async () => {
  const dataset = await client.useBuiltinDataset('mnist')
  expect(dataset.schema).toMatchObject({ trainRows: 60_000, testRows: 10_000, exampleShape: [28, 28, 1] })
  const { id } = await client.submit({
    datasetId: dataset.id,
    model: { kind: 'preset', name: 'lenet-300-100' },
    optimizer: { kind: 'sgd', learningRate: 0.05, momentum: 0.9, nesterov: true },
    steps: STEPS,
    batchSize: 100,
    seed: 3,
    clipping: { mode: 'global-norm', maxNorm: 1 },
    pruning: {
      scope: 'global',
      schedule: { kind: 'polynomial', finalSparsity: 0.8, beginStep: 50, endStep: 150, frequency: 25 },
    },
    exports: ['safetensors', 'sparse'],
    engine: { xla: 'never' },
  })
  const events: JobEvent[] = []
  const progress: JobProgress[] = []
  const job = await client.watch(id, { event: (event) => events.push(event), progress: (at) => progress.push(at) })

  expect(job.failure).toBeNull()
  const { result } = job
  if (!result) throw new Error('no result')
  // 200 steps see a third of the images; chance would be 0.1.
  expect(result.test?.accuracy).toBeGreaterThan(0.88)
  expect(result.sparsity).toBe(0.8)
  expect(result.clippedStepShare).toBeGreaterThan(0)
  expect(events.map((event) => event.sequence)).toEqual(events.map((_, index) => index + 1))
  expect(events.at(-1)?.type).toBe('job.succeeded')
  expect(progress.at(-1)?.steps).toBe(STEPS)
  // Masks are set before steps 50, 75, …, 125 and 150.
  expect(events.filter((event) => event.type === 'pruning.updated').map((event) => event.data.step)).toEqual([
    50, 75, 100, 125, 150,
  ])

  const dense = await client.download(id, 'weights.safetensors')
  const sparse = await client.download(id, 'weights.sparse')
  expect(createHash('sha256').update(dense).digest('hex')).toBe(result.weightsSha256)
  expect([dense.byteLength, sparse.byteLength]).toEqual([result.bytes.dense, result.bytes.sparse])
  const { tensors } = decodeSafetensors(dense)
  const kernels = Object.entries(tensors).filter(([name]) => name.endsWith('/kernel'))
  const zeros = kernels.reduce((sum, [, { values }]) => sum + values.filter((value) => value === 0).length, 0)
  expect(zeros).toBe(Math.round(WEIGHTS * 0.8))
  const unpacked = decodeSparse(sparse)
  for (const [name, tensor] of Object.entries(tensors)) expect(unpacked[name]?.values).toEqual(tensor.values)
})

it('replays the events after Last-Event-ID and then ends the stream', async () => {
  const [job] = (await client.jobs({ limit: 1 })).data
  const response = await fetch(`${service.url}/v1/training-jobs/${job?.id}/events`, {
    headers: { authorization: `Bearer ${service.apiKey}`, accept: 'text/event-stream', 'last-event-id': '2' },
  })
  const ids = [...(await response.text()).matchAll(/^id: ?(\d+)$/gm)].map((match) => Number(match[1]))
  expect(ids[0]).toBe(3)
  expect(ids).toEqual(ids.map((_, index) => index + 3))
})
