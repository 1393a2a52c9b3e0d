import { type Attempts, type Claim, StaleAttemptError } from '../db/attempts.js'
import type { StorageConfig } from '../storage/object-store.js'
import { startHeartbeat } from './heartbeat.js'
import type { Log } from './log.js'
import type { StopReason } from './protocol.js'
import { makeRecorder, type RecorderContext } from './recorder.js'
import { type ClosingMessage, type Ending, settle } from './settle.js'
import { followTrainerOutput } from './trainer-output.js'
import { forkTrainer } from './trainer-process.js'

export interface Timings {
  /** Between two renewals of the lease, and so the delay until a cancel request is seen. */
  readonly heartbeatMs: number
  /** A job whose lease was not renewed for so long is given to another worker. */
  readonly leaseMs: number
  /** From a stop request, or the closing message, to SIGKILL. */
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

/** One trainer process for one claimed job, from its start to the stored outcome. */
export function runAttempt(claim: Claim, context: AttemptContext): RunningAttempt {
  const { attempts, timings, log } = context
  const ref = { jobId: claim.jobId, attempt: claim.attempt }
  const trainer = forkTrainer()
  const outputs = trainer.output.map((stream) => followTrainerOutput(stream, log, ref))
  let stopReason: StopReason | null = null
  let closing: ClosingMessage | null = null
  let ended = false
  let killTimer: NodeJS.Timeout | null = null

  const killLater = () => {
    if (ended) return
    killTimer ??= setTimeout(() => {
      log.warn(ref, `the trainer did not end within ${timings.graceMs} ms: killed`)
      trainer.kill()
    }, timings.graceMs)
  }
  const stop = (reason: StopReason) => {
    // A lost lease outranks every other reason: nothing may be stored any more.
    if (stopReason !== null && reason !== 'lost-lease') return
    stopReason = reason
    trainer.send({ type: 'stop', reason })
    killLater()
  }

  const recorder = makeRecorder(ref, claim.spec.checkpoints.keep, context, (error) => {
    if (error instanceof StaleAttemptError) return stop('lost-lease')
    log.error({ ...ref, err: error }, 'what the trainer reports could not be stored: it is killed')
    trainer.kill()
  })
  trainer.onMessage((message) => {
    if (message.type === 'succeeded' || message.type === 'failed' || message.type === 'stopped') {
      closing = message
      killLater()
    } else recorder.record(message)
  })
  const heartbeat = startHeartbeat(() => attempts.heartbeat(ref, timings.leaseMs), timings, {
    cancelRequested: () => stop('cancel'),
    lost: () => stop('lost-lease'),
    failed: (error) => log.warn({ ...ref, err: error }, 'the lease was not renewed'),
  })
  const timeLeftMs = Math.max(0, claim.spec.limits.maxSeconds * 1000 - claim.elapsedMs)
  const timeLimit = setTimeout(() => stop('time-limit'), Math.min(timeLeftMs, LONGEST_TIMER_MS))

  trainer.send({
    type: 'start',
    ...ref,
    spec: claim.spec,
    dataset: claim.dataset,
    resumeFrom: claim.resumeFrom,
    keyPrefix: `jobs/${claim.jobId}/${claim.attempt}/`,
    storage: context.storage,
  })
  log.info({ ...ref, trainer: trainer.pid, resumedFromStep: claim.resumeFrom?.step ?? null }, 'attempt started')

  const finish = async () => {
    const death = await trainer.ended
    ended = true
    clearTimeout(timeLimit)
    if (killTimer) clearTimeout(killTimer)
    await recorder.drained()
    const lastWords = outputs
      .map((output) => output.tail())
      .join('\n')
      .trim()
    const refused = recorder.failure()
    const ending: Ending = refused
      ? { type: 'died', death: 'what the trainer reported could not be stored', lastWords: refused.message }
      : (closing ?? { type: 'died', death, lastWords })
    try {
      await settle(ref, ending, stopReason, attempts)
      log.info({ ...ref, ending: ending.type, stopReason }, 'attempt ended')
    } catch (error) {
      if (error instanceof StaleAttemptError) log.warn(ref, 'the attempt is not the running one any more: forgotten')
      else log.error({ ...ref, err: error }, 'the outcome could not be stored; the job goes on when its lease expires')
    } finally {
      await heartbeat.close()
    }
  }
  return { jobId: claim.jobId, trainerPid: trainer.pid, stop, done: finish() }
}
