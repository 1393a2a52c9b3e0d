import type { Attempts } from '../db/attempts.js'
import { EspalierError } from '../errors.js'
import type { JobQueue } from '../queue/job-queue.js'
import { makeObjectStore } from '../storage/make-object-store.js'
import type { StorageConfig } from '../storage/object-store.js'
import { type RunningAttempt, runAttempt, type Timings } from './attempt-runner.js'
import { checkEngine } from './engine-check.js'
import type { Log } from './log.js'

export interface WorkerOptions {
  /** Names this process in events and leases. */
  readonly id: string
  readonly attempts: Attempts
  readonly queue: Pick<JobQueue, 'consume'>
  readonly storage: StorageConfig
  /** Jobs at a time: one a device. */
  readonly trainerCount: number
  readonly log: Log
  readonly timings: Pick<Timings, 'leaseMs' | 'graceMs'> & Partial<Timings>
}

export interface Worker {
  /** Process ids of the running trainers, by job. */
  trainers(): ReadonlyMap<string, number>
  /** Takes no more jobs; running ones save a checkpoint and go back to the queue, which costs them no attempt. */
  close(): Promise<void>
}

/** Answers to a heartbeat carry the wish to cancel, so this is how long one waits. */
const HEARTBEAT_MS = 1000

/** @throws ENGINE_MISSING when TensorFlow does not load on this machine. */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { id, attempts, log } = options
  const engine = await checkEngine()
  if (!engine.ok) throw new EspalierError('ENGINE_MISSING', `The worker does not start: ${engine.message}`)

  const timings: Timings = { heartbeatMs: HEARTBEAT_MS, ...options.timings }
  const store = makeObjectStore(options.storage)
  const running = new Set<RunningAttempt>()
  let closing = false

  const handle = async (jobId: string) => {
    // Claimed by nobody, the job stays queued; the sweeper has it delivered again.
    if (closing) return
    const askedAt = performance.now()
    const claim = await attempts.claim(jobId, id, timings.leaseMs)
    if (claim === null) return log.debug({ jobId }, 'not to be had: finished, cancelled or claimed by another worker')
    const attempt = runAttempt(claim, askedAt, { attempts, store, storage: options.storage, timings, log })
    running.add(attempt)
    if (closing) attempt.stop('shutdown')
    await attempt.done
    running.delete(attempt)
  }
  const consumer = await options.queue.consume(handle, { concurrency: options.trainerCount })
  log.info({ worker: id, trainers: options.trainerCount, ...engine.info }, 'worker ready')

  return {
    trainers: () =>
      new Map([...running].flatMap(({ jobId, trainerPid }) => (trainerPid === undefined ? [] : [[jobId, trainerPid]]))),
    async close() {
      closing = true
      for (const attempt of running) attempt.stop('shutdown')
      await consumer.pause()
      await Promise.all([...running].map((attempt) => attempt.done))
      await consumer.close()
      await store.close()
    },
  }
}
