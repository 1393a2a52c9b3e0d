import { type Attempts, type Claim, StaleAttemptError } from '../db/attempts.js'
import type { StorageConfig } from '../storage/object-store.js'
import { type HeartbeatListener, startHeartbeat } from './heartbeat.js'
import { lastWords } from './last-words.js'
import type { Log } from './log.js'
import { StorageUnavailableError } from './persist.js'
import { type ClosingMessage, isClosing, type StopReason } from './protocol.js'
import { makeRecorder, type RecorderContext } from './recorder.js'
import { removeObjects } from './remove-objects.js'
import { type Ending, settle } from './settle.js'
import { followTrainerOutput } from './trainer-output.js'
import { forkTrainer } from './trainer-process.js'

export interface Timings {
  /** Between two renewals of the lease, and so the delay until a cancel request is seen. */
  readonly heartbeatMs: number
  /** A job whose lease was not renewed for so long is given to another worker. */
  readonly leaseMs: number
  /** From a stop request, or the closing message, to SIGKILL; after a shutdown, as long again to store what came of it. */
  readonly graceMs: number
}

export interface AttemptContext extends RecorderContext {
  readonly attempts: Omit<Attempts, 'claim'>
  readonly storage: StorageConfig
  readonly timings: Timings
  readonly log: Log
}

export interface RunningAttempt {
  readonly jobId: string
  readonly trainerPid: number | undefined
  stop(reason: StopReason): void
  /** The trainer has ended, and its outcome is stored or was refused because another attempt owns the job. Never rejects. */
  readonly done: Promise<void>
}

const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Left to store an outcome in, however short the grace period. */
const SHORTEST_STORING_MS = 1000

/**
 * One trainer process for one claimed job, from its start to the stored outcome.
 * @param claimedAt When the claim was asked for, by `performance.now()`.
 */
export function runAttempt(claim: Claim, claimedAt: number, context: AttemptContext): RunningAttempt {
  const { attempts, timings, log } = context
  const ref = { jobId: claim.jobId, attempt: claim.attempt }
  const cleaned = removeObjects(claim.superfluous, ref, context)
  const trainer = forkTrainer()
  const outputs = trainer.output.map((stream) => followTrainerOutput(stream, log, ref))
  let stopReason: StopReason | null = null
  let closing: ClosingMessage | null = null
  let ended = false
  let killTimer: NodeJS.Timeout | null = null
  let leaveTimer: NodeJS.Timeout | undefined
  let wentSilent = false
  const leaseLost = new AbortController()
  const leaving = new AbortController()
  const patienceMs = timings.leaseMs
  const patience = { givenUp: AbortSignal.any([leaseLost.signal, leaving.signal]), patienceMs }

  const killLater = () => {
    if (ended) return
    killTimer ??= setTimeout(() => {
      log.warn(ref, `the trainer did not end within ${timings.graceMs} ms: killed`)
      trainer.kill()
    }, timings.graceMs)
  }
  const stop = (reason: StopReason) => {
    if (reason === 'lost-lease') leaseLost.abort()
    if (reason === 'shutdown')
      leaveTimer ??= setTimeout(() => leaving.abort(), timings.graceMs + Math.max(timings.graceMs, SHORTEST_STORING_MS))
    // A lost lease outranks every other reason: nothing may be stored any more.
    if (stopReason !== null && reason !== 'lost-lease') return
    stopReason = reason
    trainer.send({ type: 'stop', reason })
    killLater()
  }

  const recorder = makeRecorder(ref, claim.spec.checkpoints.keep, context, patience, (error) => {
    if (error instanceof StaleAttemptError) return stop('lost-lease')
    log.error({ ...ref, err: error }, 'what the trainer reports could not be stored: it is killed')
    trainer.kill()
  })
  trainer.onMessage((message) => {
    if (isClosing(message)) {
      closing = message
      killLater()
    } else recorder.record(message)
  })
  const listener: HeartbeatListener = {
    cancelRequested: () => stop('cancel'),
    lost(how) {
      wentSilent = how === 'silent'
      stop('lost-lease')
    },
    failed: (error) => log.warn({ ...ref, err: error }, 'the lease was not renewed'),
  }
  const heartbeat = startHeartbeat(() => attempts.heartbeat(ref, timings.leaseMs), timings, listener, claimedAt)
  const timeLeftMs = Math.max(0, claim.spec.limits.maxSeconds * 1000 - claim.ranMs)
  const timeLimit = setTimeout(() => stop('time-limit'), Math.min(timeLeftMs, LONGEST_TIMER_MS))

  trainer.send({
    type: 'start',
    ...ref,
    spec: claim.spec,
    dataset: claim.dataset,
    startFrom: claim.startFrom,
    resumeFrom: claim.resumeFrom,
    keyPrefix: `jobs/${claim.jobId}/${claim.attempt}/`,
    storage: context.storage,
  })
  log.info({ ...ref, trainer: trainer.pid, resumedFromStep: claim.resumeFrom?.step ?? null }, 'attempt started')

  const endingOf = (death: string): Ending => {
    const refused = recorder.failure()
    // Why it is names the address of the database: that is for the log.
    if (refused instanceof StorageUnavailableError) return { type: 'unstored', reason: 'the database was out of reach' }
    if (refused)
      return {
        type: 'died',
        death: 'what the trainer reported could not be stored',
        lastWords: lastWords(refused.message),
      }
    return closing ?? { type: 'died', death, lastWords: lastWords(outputs.map((output) => output.tail()).join('\n')) }
  }
  const store = async (death: string) => {
    await cleaned
    await recorder.drained()
    if (wentSilent) {
      // The trainer is gone, so the job may be given back, if nobody has taken it: that the database was away costs no attempt.
      const ending = { type: 'unstored', reason: 'the database was out of reach until the lease ran out' } as const
      await settle(ref, ending, null, attempts, { givenUp: leaving.signal, patienceMs })
      return log.info(ref, 'attempt ended: given back after the database was out of reach')
    }
    const ending = endingOf(death)
    await settle(ref, ending, stopReason, attempts, patience)
    if (ending.type === 'checkpoint-unusable' && claim.resumeFrom)
      await removeObjects([claim.resumeFrom.key], ref, context)
    log.info({ ...ref, ending: ending.type, stopReason }, 'attempt ended')
  }
  const finish = async () => {
    const death = await trainer.ended
    ended = true
    clearTimeout(timeLimit)
    if (killTimer) clearTimeout(killTimer)
    try {
      await store(death)
    } catch (error) {
      if (error instanceof StaleAttemptError) log.warn(ref, 'the attempt is not the running one any more: forgotten')
      else log.error({ ...ref, err: error }, 'the outcome could not be stored; the job goes on when its lease expires')
    } finally {
      heartbeat.close()
      clearTimeout(leaveTimer)
    }
  }
  return { jobId: claim.jobId, trainerPid: trainer.pid, stop, done: finish() }
}
