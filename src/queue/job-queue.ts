import { createPostgresBackend, type JobsOptions, Queue, Worker } from 'bullmq'

export type QueueConfig =
  | { readonly kind: 'postgres'; readonly connectionString: string }
  | { readonly kind: 'redis'; readonly url: string }

export interface Delivery {
  /** Unique; publishing one that still waits or runs does nothing. No ':'. */
  readonly deliveryId: string
  readonly jobId: string
  /** 0–1000, higher is sooner. */
  readonly priority: number
}

export interface Consumer {
  /** Takes no new deliveries; running handlers go on. */
  pause(): Promise<void>
  /** Waits for running handlers. */
  close(): Promise<void>
}

/**
 * Delivers job ids at least once and in order of priority, no more: a delivery may come twice, late or to two workers, and the
 * claim in the database decides. A delivery whose handler throws is dropped; the sweeper delivers anew what is still queued.
 */
export interface JobQueue {
  publish(delivery: Delivery): Promise<void>
  consume(handler: (jobId: string) => Promise<void>, options: { readonly concurrency: number }): Promise<Consumer>
  /** @throws when the backend does not answer */
  ping(): Promise<void>
  /** Also closes its consumers, after their handlers. */
  close(): Promise<void>
}

const NAME = 'training-jobs'
const PING_TIMEOUT_MS = 5_000
/** BullMQ counts the other way round: 1 is the most urgent, and 0 would overtake every job that has a priority. */
const LOWEST_URGENCY = 1_001

interface Payload {
  readonly jobId: string
}

/** The members of BullMQ's Queue and Worker that are used; their full types differ between the backends. */
interface Publisher {
  add(name: string, payload: Payload, options: JobsOptions): Promise<unknown>
  getJobCounts(type: 'active'): Promise<unknown>
  on(event: 'error', listener: (error: Error) => void): unknown
  close(): Promise<void>
}
interface Taker {
  waitUntilReady(): Promise<unknown>
  pause(doNotWaitActive: boolean): Promise<void>
  on(event: 'error', listener: (error: Error) => void): unknown
  close(): Promise<void>
}

/** `onError` hears of connections that fail; BullMQ reconnects by itself. */
export function makeJobQueue(config: QueueConfig, onError: (error: unknown) => void = () => {}): JobQueue {
  const consumers = new Set<Consumer>()
  const queue = makeQueue(config)
  queue.on('error', onError)

  return {
    publish: async ({ deliveryId, jobId, priority }) => {
      // Removed at the end, so that the queue holds what waits or runs and nothing else.
      const options = {
        jobId: deliveryId,
        priority: LOWEST_URGENCY - priority,
        removeOnComplete: true,
        removeOnFail: true,
      }
      await queue.add('train', { jobId }, options)
    },
    consume: async (handler, { concurrency }) => {
      const worker = makeWorker(config, ({ jobId }) => handler(jobId), concurrency)
      worker.on('error', onError)
      await worker.waitUntilReady()
      const consumer: Consumer = {
        pause: () => worker.pause(true),
        close: async () => {
          consumers.delete(consumer)
          await worker.close()
        },
      }
      consumers.add(consumer)
      return consumer
    },
    ping: async () => {
      const timeout = AbortSignal.timeout(PING_TIMEOUT_MS)
      const late = new Promise<never>((_, reject) => {
        timeout.addEventListener('abort', () => reject(new Error('the queue does not answer')), { once: true })
      })
      await Promise.race([queue.getJobCounts('active'), late])
    },
    close: async () => {
      await Promise.all([...consumers].map((consumer) => consumer.close()))
      await queue.close()
    },
  }
}

function makeQueue(config: QueueConfig): Publisher {
  if (config.kind === 'postgres')
    return new Queue(NAME, { connection: postgresConnection(config.connectionString) }, createPostgresBackend)
  // Publishing fails soon when Redis is away: the outbox keeps the delivery.
  return new Queue(NAME, { connection: { url: config.url, maxRetriesPerRequest: 1 } })
}

function makeWorker(config: QueueConfig, handle: (payload: Payload) => Promise<void>, concurrency: number): Taker {
  const process = async ({ data }: { data: Payload }) => handle(data)
  // A worker that vanishes leaves a stalled delivery: it may be delivered again as often as that happens.
  const options = { concurrency, maxStalledCount: 1_000 }
  if (config.kind === 'postgres') {
    const connection = postgresConnection(config.connectionString)
    return new Worker(NAME, process, { ...options, connection }, createPostgresBackend)
  }
  // A worker waits for Redis as long as it takes.
  return new Worker(NAME, process, { ...options, connection: { url: config.url, maxRetriesPerRequest: null } })
}

/** BullMQ's tables lie in the schema `bullmq` of our database. Without `migrate` a worker on an empty one fails in a loop. */
function postgresConnection(connectionString: string): { connectionString: string; migrate: true; max: number } {
  return { connectionString, migrate: true, max: 4 }
}
