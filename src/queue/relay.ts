import { setTimeout as sleep } from 'node:timers/promises'
import type { Delivery, JobQueue } from './job-queue.js'

export interface RelayOptions {
  readonly outbox: {
    pending(limit: number): Promise<Delivery[]>
    markSent(deliveryIds: readonly string[]): Promise<void>
  }
  readonly queue: Pick<JobQueue, 'publish'>
  readonly intervalMs: number
  /** Told about a queue or database that is out of reach; the relay goes on. */
  readonly onError?: (error: unknown) => void
}

const BATCH = 100

/**
 * Moves the outbox to the queue until closed. Published first and marked then: a crash between the two publishes again, which
 * the queue and the claim ignore. Any number of relays may run at once.
 */
export function startRelay({ outbox, queue, intervalMs, onError = () => {} }: RelayOptions): {
  close(): Promise<void>
} {
  const stop = new AbortController()

  const loop = async () => {
    while (!stop.signal.aborted) {
      const moved = await moveBatch().catch((error: unknown) => {
        onError(error)
        return 0
      })
      if (moved < BATCH) await sleep(intervalMs, undefined, { signal: stop.signal }).catch(() => {})
    }
  }

  const moveBatch = async () => {
    const sent: string[] = []
    try {
      for (const delivery of await outbox.pending(BATCH)) {
        await queue.publish(delivery)
        sent.push(delivery.deliveryId)
      }
    } finally {
      if (sent.length > 0) await outbox.markSent(sent)
    }
    return sent.length
  }

  const running = loop()
  return {
    close: async () => {
      stop.abort()
      await running
    },
  }
}
