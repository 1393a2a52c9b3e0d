import type { EventType } from '../contracts/event.js'
import { type AttemptRef, appendEvent, fenced, NEXT_EVENT } from './fence.js'
import type { Prisma, TrainingJob } from './generated/client.js'
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
  /** Until the next attempt. Default: growing with the spent attempts after a crash, else none. */
  readonly retryAfterMs?: number
  /** The checkpoint of this step cannot be used: it goes, so that the next attempt begins at the one before, or at step 0. */
  readonly dropCheckpoint?: number
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
  interruption: Interruption,
): Promise<'queued' | 'failed' | 'cancelled'> {
  const { reason, code, countsAsAttempt, onlyIfLeaseExpired = false, retryAfterMs } = interruption
  const expired = onlyIfLeaseExpired ? { leaseUntil: { lt: await databaseTime(tx) } } : {}
  const spent = countsAsAttempt ? { spentAttempts: { increment: 1 } } : {}
  const job = await fenced(tx, ref, { ...NEXT_EVENT, ...spent }, expired)
  const dropped = await dropCheckpoint(tx, ref, interruption)
  await appendEvent(tx, job, 'attempt.interrupted', { reason, code, ...dropped })
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
  await fenced(tx, ref, { ...RELEASED, status: 'queued', ranMs: { increment: await ranMs(tx, job) } })
  await enqueue(tx, job, retryAfterMs ?? (countsAsAttempt ? backoffMs(job.spentAttempts) : 0))
  return 'queued'
}

/** 1 s, 4 s, 16 s and then a minute: what broke the attempt may pass. */
function backoffMs(spentAttempts: number): number {
  return Math.min(1000 * 4 ** (spentAttempts - 1), 60_000)
}

/** Of the attempt that ends. After the end of the lease nobody knows whether it still ran. */
async function ranMs(tx: Transaction, { attemptStartedAt, leaseUntil }: TrainingJob): Promise<number> {
  if (attemptStartedAt === null) return 0
  const now = (await databaseTime(tx)).getTime()
  const until = leaseUntil === null ? now : Math.min(now, leaseUntil.getTime())
  return Math.max(0, until - attemptStartedAt.getTime())
}

/** What the event says of it: the step of the checkpoint that went and that of the one before, 0 without one. */
async function dropCheckpoint(
  tx: Transaction,
  { jobId }: AttemptRef,
  { dropCheckpoint: step }: Interruption,
): Promise<{ droppedCheckpoint?: number; resumesFromStep?: number }> {
  if (step === undefined) return {}
  await tx.checkpoint.deleteMany({ where: { jobId, step } })
  const newest = await tx.checkpoint.findFirst({ where: { jobId }, orderBy: { step: 'desc' } })
  return { droppedCheckpoint: step, resumesFromStep: newest?.step ?? 0 }
}
