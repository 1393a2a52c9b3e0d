import { setTimeout as sleep } from 'node:timers/promises'
import { type AttemptRef, type Attempts, StaleAttemptError } from '../db/attempts.js'
import type { FromTrainer, StopReason } from './protocol.js'

export type ClosingMessage = Extract<FromTrainer, { type: 'succeeded' | 'failed' | 'stopped' }>
/** How a trainer ended: with its closing message, or without one. */
export type Ending = ClosingMessage | { readonly type: 'died'; readonly death: string; readonly lastWords: string }
export type Settling = Pick<Attempts, 'succeed' | 'fail' | 'cancel' | 'requeue'>

const RETRY_AFTER_MS = [200, 1000, 3000]

/**
 * Stores the outcome of an attempt; the attempt number fences it, so trying again after a lost answer is harmless.
 * `stopReason` is what the trainer was last told, null if nothing: it decides what a death means.
 * @throws StaleAttemptError when the attempt was not the running one any more.
 */
export async function settle(
  ref: AttemptRef,
  ending: Ending,
  stopReason: StopReason | null,
  attempts: Settling,
): Promise<void> {
  if (stopReason === 'lost-lease') throw new StaleAttemptError(ref)
  for (const delay of RETRY_AFTER_MS) {
    try {
      return await store(ref, ending, stopReason, attempts)
    } catch (error) {
      if (error instanceof StaleAttemptError) throw error
      await sleep(delay)
    }
  }
  return store(ref, ending, stopReason, attempts)
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
