import { setTimeout as sleep } from 'node:timers/promises'
import { type Attempts, StaleAttemptError } from '../db/attempts.js'
import type { Sweeps } from '../db/sweeps.js'
import type { Log } from './log.js'

export interface SweeperOptions {
  readonly sweeps: Sweeps
  readonly attempts: Pick<Attempts, 'requeue'>
  readonly log: Log
  readonly intervalMs: number
  /** A queued job whose delivery is older is delivered again; a delivery too many is harmless, its claim is refused. */
  readonly redeliverAfterMs?: number
}

/** As long as a client may reasonably try a request again: one day. */
const IDEMPOTENCY_KEYS_KEPT_MS = 86_400_000

/** Puts right what a killed worker or a queue that lost its data leaves behind. Any number of sweepers may run. */
export async function sweepOnce(options: Omit<SweeperOptions, 'intervalMs'>): Promise<void> {
  const { sweeps, attempts, log } = options
  for (const ref of await sweeps.expiredLeases()) {
    const interruption = {
      reason: 'the worker did not renew its lease',
      code: 'TRAINER_DIED',
      countsAsAttempt: true,
      onlyIfLeaseExpired: true,
    }
    try {
      const status = await attempts.requeue(ref, interruption)
      log.warn({ ...ref, status }, 'a lease has expired')
    } catch (error) {
      if (!(error instanceof StaleAttemptError)) throw error // else: renewed or ended meanwhile
    }
  }
  const redelivered = await sweeps.redeliver(options.redeliverAfterMs ?? 60_000)
  if (redelivered > 0) log.info({ redelivered }, 'queued jobs are delivered again')
  await sweeps.expireIdempotencyKeys(IDEMPOTENCY_KEYS_KEPT_MS)
}

export function startSweeper(options: SweeperOptions): { close(): Promise<void> } {
  const closing = new AbortController()
  const loop = async () => {
    while (!closing.signal.aborted) {
      await sweepOnce(options).catch((error: unknown) => options.log.warn({ err: error }, 'the sweep failed'))
      await sleep(options.intervalMs, undefined, { signal: closing.signal }).catch(() => undefined)
    }
  }
  const done = loop()
  return {
    close() {
      closing.abort()
      return done
    },
  }
}
