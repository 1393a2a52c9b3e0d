import { type AttemptRef, type Attempts, StaleAttemptError } from '../db/attempts.js'
import { type Patience, persist } from './persist.js'
import type { ClosingMessage, StopReason } from './protocol.js'

/** How a trainer ended: with its closing message, or without one, or `unstored` when the database did not take what it reported. */
export type Ending =
  | ClosingMessage
  | { readonly type: 'died'; readonly death: string; readonly lastWords: string }
  | { readonly type: 'unstored'; readonly reason: string }
export type Settling = Pick<Attempts, 'succeed' | 'fail' | 'cancel' | 'requeue'>

/** Before a job that the database let down is tried again. */
const STORAGE_PAUSE_MS = 4000

/**
 * Stores the outcome of an attempt, trying again while the database is in trouble; the attempt number fences it, so trying
 * again after a lost answer is harmless. `stopReason` is what the trainer was last told, null if nothing: it decides what a
 * death means.
 * @throws StaleAttemptError when the attempt was not the running one any more; StorageUnavailableError
 */
export async function settle(
  ref: AttemptRef,
  ending: Ending,
  stopReason: StopReason | null,
  attempts: Settling,
  patience: Patience,
): Promise<void> {
  if (stopReason === 'lost-lease') throw new StaleAttemptError(ref)
  await persist(() => store(ref, ending, stopReason, attempts), patience)
}

async function store(
  ref: AttemptRef,
  ending: Ending,
  stopReason: StopReason | null,
  attempts: Settling,
): Promise<void> {
  switch (ending.type) {
    case 'succeeded':
      return attempts.succeed(ref, ending.result)
    case 'failed':
      return attempts.fail(ref, ending.failure)
    case 'stopped':
      return storeStop(ref, ending.reason, ending.step, attempts)
    case 'checkpoint-unusable': {
      const { reason, step } = ending
      const interruption = { reason, code: 'CHECKPOINT_INVALID', countsAsAttempt: false, dropCheckpoint: step }
      await attempts.requeue(ref, interruption)
      return
    }
    case 'unstored': {
      if (stopReason !== null) return storeStop(ref, stopReason, null, attempts)
      const { reason } = ending
      const code = 'STORAGE_UNAVAILABLE'
      await attempts.requeue(ref, { reason, code, countsAsAttempt: false, retryAfterMs: STORAGE_PAUSE_MS })
      return
    }
    case 'died': {
      if (stopReason !== null) return storeStop(ref, stopReason, null, attempts)
      const reason = ending.lastWords === '' ? ending.death : `${ending.death}: ${ending.lastWords}`
      await attempts.requeue(ref, { reason, code: 'TRAINER_DIED', countsAsAttempt: true })
    }
  }
}

async function storeStop(ref: AttemptRef, reason: StopReason, step: number | null, attempts: Settling): Promise<void> {
  switch (reason) {
    case 'cancel':
      return attempts.cancel(ref)
    case 'time-limit':
      return attempts.fail(ref, { code: 'TIME_LIMIT', message: 'The job ran longer than limits.maxSeconds', step })
    case 'shutdown':
      await attempts.requeue(ref, { reason: 'the worker shut down', code: 'WORKER_SHUTDOWN', countsAsAttempt: false })
      return
    case 'lost-lease':
      throw new StaleAttemptError(ref)
  }
}
