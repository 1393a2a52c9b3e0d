import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DatasetSchema } from '../../src/contracts/dataset.js'
import type { JobEvent } from '../../src/contracts/event.js'
import { makeId } from '../../src/contracts/ids.js'
import { parse } from '../../src/contracts/parse.js'
import { TERMINAL_STATUSES, type TrainingJob } from '../../src/contracts/training-job.js'
import { TrainingJobSpec } from '../../src/contracts/training-job-spec.js'
import { makeApiKeys } from '../../src/db/api-keys.js'
import { type Attempts, makeAttempts } from '../../src/db/attempts.js'
import { makeDatabase } from '../../src/db/database.js'
import { makeDatasets } from '../../src/db/datasets.js'
import { type JobLog, makeJobLog } from '../../src/db/job-log.js'
import { makeOutbox } from '../../src/db/outbox.js'
import { makeSweeps } from '../../src/db/sweeps.js'
import { makeTrainingJobs } from '../../src/db/training-jobs.js'
import { encodeSafetensors } from '../../src/formats/safetensors.js'
import { planTrainingJob } from '../../src/planning/plan.js'
import type { StartingPoint } from '../../src/planning/starting-point.js'
import { makeJobQueue } from '../../src/queue/job-queue.js'
import { startRelay } from '../../src/queue/relay.js'
import { makeObjectStore } from '../../src/storage/make-object-store.js'
import { sweepOnce } from '../../src/workers/sweep.js'
import { startWorker, type Worker } from '../../src/workers/worker.js'
import { startTestDatabase } from '../support/postgres.js'

const ROWS = 120
const SCHEMA: DatasetSchema = {
  exampleShape: [2],
  featureType: 'float32',
  columns: ['x', 'y'],
  target: { kind: 'classes', names: ['left', 'right'] },
  trainRows: ROWS,
  testRows: 0,
}
/** A job that the queue brought to a worker, and whether its claim was granted. */
interface Offer {
  readonly jobId: string
  readonly workerId: string
  readonly granted: boolean
}
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

/** A database, a queue, a store and one small dataset; workers start in this process, their trainers are processes of the build. */
export async function openScene() {
  const { connectionString, close: closeDatabase } = await startTestDatabase()
  const folder = await mkdtemp(path.join(tmpdir(), 'espalier-workers-'))
  const storage = { kind: 'file-system', folder } as const
  const database = makeDatabase(connectionString)
  const queue = makeJobQueue({ kind: 'postgres', connectionString })
  const store = makeObjectStore(storage)
  const relay = startRelay({ outbox: makeOutbox(database), queue, intervalMs: 50 })
  const trainingJobs = makeTrainingJobs(database)
  const offers: Offer[] = []
  const attempts = watched(makeAttempts(database), offers)
  const log = makeJobLog(database)
  const projectId = await makeApiKeys(database).ensureDefaultProject()

  const datasetId = makeId('ds')
  const key = `datasets/${datasetId}.safetensors`
  const stored = await store.put(key, encodeSafetensors(points()))
  const dataset = { id: datasetId, name: 'points', source: 'upload:points.csv', schema: SCHEMA, key, ...stored }
  await makeDatasets(database).create(projectId, dataset)

  const workers: Worker[] = []
  const get = async (id: string) => {
    const job = await trainingJobs.get(projectId, id)
    if (job === null) throw new Error(`no job ${id}`)
    return job
  }

  return {
    database,
    attempts,
    offers,
    store,
    log,
    get,
    async startWorker(id: string, heartbeatMs = 100): Promise<Worker> {
      // A worker keeps its lease between its heartbeats, however rare they are.
      const timings = { heartbeatMs, leaseMs: Math.max(3000, 2 * heartbeatMs), graceMs: 5000 }
      const worker = await startWorker({ id, attempts, queue, storage, trainerCount: 1, log: quiet, timings })
      workers.push(worker)
      return worker
    },
    async submit(changes: Record<string, unknown>, start: StartingPoint | null = null): Promise<string> {
      const spec = parse(TrainingJobSpec, {
        datasetId,
        model: {
          kind: 'layers',
          inputShape: [2],
          layers: [
            { type: 'dense', units: 8, activation: 'relu' },
            { type: 'dense', units: 2 },
          ],
        },
        optimizer: { kind: 'sgd', learningRate: 0.01 },
        batchSize: 30,
        engine: { xla: 'never' },
        ...changes,
      })
      if (!spec.ok) throw new Error(JSON.stringify(spec.errors))
      return (await trainingJobs.create(projectId, planTrainingJob(spec.value, SCHEMA, start).spec)).job.id
    },
    /** Offers a job to the workers once more, beside the delivery of the outbox. */
    deliver: (jobId: string, deliveryId: string) => queue.publish({ deliveryId, jobId, priority: 0 }),
    requestCancel: (id: string) => trainingJobs.requestCancel(projectId, id),
    sweep: () => sweepOnce({ sweeps: makeSweeps(database), attempts, log: quiet, redeliverAfterMs: 0 }),
    untilEvent: (id: string, wanted: (event: JobEvent) => boolean) =>
      until(`an event of ${id}`, async () => (await log.events(id, 0, 10_000)).find(wanted)),
    untilEnded: (id: string): Promise<TrainingJob> =>
      until(`the end of ${id}`, async () => {
        const job = await get(id)
        return TERMINAL_STATUSES.includes(job.status) ? job : undefined
      }),
    async close() {
      for (const worker of workers) await worker.close()
      await relay.close()
      await queue.close()
      await store.close()
      await database.close()
      await closeDatabase()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The same, noting every claim. */
function watched(attempts: Attempts, offers: Offer[]): Attempts {
  return {
    ...attempts,
    async claim(jobId, workerId, leaseMs) {
      const claim = await attempts.claim(jobId, workerId, leaseMs)
      offers.push({ jobId, workerId, granted: claim !== null })
      return claim
    },
  }
}

export type Scene = Awaited<ReturnType<typeof openScene>>

export async function until<T>(what: string, look: () => Promise<T | undefined>, timeoutMs = 100_000): Promise<T> {
  const deadline = Date.now() + timeoutMs
  while (Date.now() < deadline) {
    const found = await look()
    if (found !== undefined) return found
    await sleep(25)
  }
  throw new Error(`waited ${timeoutMs} ms for ${what}`)
}

/** Every step once and in order: what two attempts of one job have to leave behind. */
export async function recordedSteps(log: JobLog, jobId: string): Promise<number[]> {
  const [loss] = await log.metrics(jobId, { names: ['loss'] })
  return loss?.steps ?? []
}

/** Points of the plane, with the side of x = 0 on which they lie; from a fixed sequence. */
function points() {
  const features = new Float32Array(ROWS * 2)
  const labels = new Int32Array(ROWS)
  for (let row = 0; row < ROWS; row++) {
    const x = ((row * 37) % 101) / 50 - 1
    features.set([x, ((row * 53) % 97) / 48 - 1], row * 2)
    labels[row] = x > 0 ? 1 : 0
  }
  return {
    'train.features': { type: 'float32', shape: [ROWS, 2], values: features },
    'train.labels': { type: 'int32', shape: [ROWS], values: labels },
  } as const
}
