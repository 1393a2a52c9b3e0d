import type { EventType } from '../contracts/event.js'
import { type AttemptRef, appendEvent, fenced, NEXT_EVENT } from './fence.js'
import type { Prisma } from './generated/client.js'
import { toJson } from './json.js'
import { enqueue } from './outbox.js'
import { databaseTime, type Transaction } from './transaction.js'

/** Why an attempt ended although its job has not. */
export interface Interruption {
  readonly reason: string
  readonly code: string
  /** A crash does; a shutdown does not. */
  readonly countsAsAttempt: boolean
  /** For the sweeper: StaleAttemptError when the worker has renewed its lease meanwhile. */
  readonly onlyIfLeaseExpired?: boolean
}

const RELEASED = { leaseUntil: null, workerId: null } as const

/** running → a terminal status, with its event. The sweeper may race it: the compare-and-set on the attempt lets one win. */
export async function end(
  tx: Transaction,
  ref: AttemptRef,
  change: Prisma.TrainingJobUpdateManyMutationInput,
  [type, data]: [EventType, Record<string, unknown>],
): Promise<void> {
  const job = await fenced(tx, ref, { ...NEXT_EVENT, ...RELEASED, ...change, endedAt: await databaseTime(tx) })
  await appendEvent(tx, job, type, data)
}

/** running → queued, cancelled or failed; see `Attempts.requeue`. The end of the attempt and other sweepers may race it. */
export async function requeue(
  tx: Transaction,
  ref: AttemptRef,
  { reason, code, countsAsAttempt, onlyIfLeaseExpired = false }: Interruption,
): Promise<'queued' | 'failed' | 'cancelled'> {
  const expired = onlyIfLeaseExpired ? { leaseUntil: { lt: await databaseTime(tx) } } : {}
  const spent = countsAsAttempt ? { spentAttempts: { increment: 1 } } : {}
  const job = await fenced(tx, ref, { ...NEXT_EVENT, ...spent }, expired)
  await appendEvent(tx, job, 'attempt.interrupted', { reason, code })
  if (job.cancelRequested) {
    await end(tx, ref, { status: 'cancelled' }, ['job.cancelled', {}])
    return 'cancelled'
  }
  if (countsAsAttempt && job.spentAttempts >= job.maxAttempts) {
    const failure = {
      code,
      message: `${reason}; ${job.spentAttempts} of ${job.maxAttempts} attempts are spent`,
      step: null,
    }
    await end(tx, ref, { status: 'failed', failure: toJson(failure) }, ['job.failed', failure])
    return 'failed'
  }
  await fenced(tx, ref, { ...RELEASED, status: 'queued' })
  await enqueue(tx, job)
  return 'queued'
}
