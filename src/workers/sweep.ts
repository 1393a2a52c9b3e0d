import { setTimeout as sleep } from 'node:timers/promises'
import { type Attempts, StaleAttemptError } from '../db/attempts.js'
import type { Sweeps } from '../db/sweeps.js'
import { isDatabaseTrouble } from '../db/trouble.js'
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

const LEASE_EXPIRED = {
  reason: 'the worker did not renew its lease',
  code: 'TRAINER_DIED',
  countsAsAttempt: true,
  onlyIfLeaseExpired: true,
}
/** Nobody could renew a lease while the database was away. */
const DATABASE_WAS_AWAY = {
  reason: 'the lease ran out while the database was out of reach',
  code: 'STORAGE_UNAVAILABLE',
  countsAsAttempt: false,
  onlyIfLeaseExpired: true,
}

/**
 * Puts right what a killed worker or a queue that lost its data leaves behind; an error for one job leaves the others their
 * turn. Any number of sweepers may run.
 *
 * @param databaseWasAway The pass before did not reach the database: leases that have run out cost no attempt.
 */
export async function sweepOnce(options: Omit<SweeperOptions, 'intervalMs'>, databaseWasAway = false): Promise<void> {
  const { sweeps, attempts, log } = options
  for (const ref of await sweeps.expiredLeases()) {
    try {
      const status = await attempts.requeue(ref, databaseWasAway ? DATABASE_WAS_AWAY : LEASE_EXPIRED)
      log.warn({ ...ref, status }, 'a lease has expired')
    } catch (error) {
      // A stale one was renewed or has ended meanwhile.
      if (!(error instanceof StaleAttemptError)) log.error({ ...ref, err: error }, 'a job could not be taken up again')
    }
  }
  const redelivered = await sweeps.redeliver(options.redeliverAfterMs ?? 60_000)
  if (redelivered > 0) log.info({ redelivered }, 'queued jobs are delivered again')
  await sweeps.expireIdempotencyKeys(IDEMPOTENCY_KEYS_KEPT_MS)
}

export function startSweeper(options: SweeperOptions): { close(): Promise<void> } {
  const closing = new AbortController()
  const loop = async () => {
    let databaseWasAway = false
    while (!closing.signal.aborted) {
      try {
        await sweepOnce(options, databaseWasAway)
        databaseWasAway = false
      } catch (error) {
        databaseWasAway = isDatabaseTrouble(error)
        options.log.warn({ err: error }, 'the sweep failed')
      }
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
