import type { EventType } from '../../src/contracts/event.js'
import type { JobResult } from '../../src/contracts/training-job.js'
import { train } from '../../src/ml/train.js'
import type { TrainOptions, TrainOutcome } from '../../src/ml/training.js'
import { TrainingFailure } from '../../src/ml/training-failure.js'
import { optionsFor, type Recorded, recorder } from './fixtures.js'

type Changes = Partial<TrainOptions>

/** A job that succeeds, and what it told. */
export async function finished(
  changes: Changes,
  recorded = recorder(),
): Promise<{ result: JobResult; recorded: Recorded }> {
  const outcome = await train(optionsFor(recorded, changes))
  if (outcome.kind !== 'succeeded') throw new Error(`stopped at ${outcome.step}`)
  return { result: outcome.result, recorded }
}

/** A job that fails, why, and what it told before. */
export async function failed(changes: Changes): Promise<{ failure: TrainingFailure; recorded: Recorded }> {
  const recorded = recorder()
  const failure: unknown = await train(optionsFor(recorded, changes)).then(
    ({ kind }) => new Error(kind),
    (error: unknown) => error,
  )
  if (failure instanceof TrainingFailure) return { failure, recorded }
  throw failure
}

/** A signal that aborts for `reason` after so many looks at it. */
export function abortingAfter(looks: number, reason: string): AbortSignal {
  let seen = 0
  return {
    get aborted() {
      return ++seen > looks
    },
    reason,
  } as AbortSignal // these two members are all that training and scans read
}

/** A job that is stopped for `reason` when it looks at its signal after `looks` looks: once before each step and each batch of an evaluation. */
export async function stopped(
  changes: Changes,
  looks: number,
  reason = 'shutdown',
): Promise<{ outcome: TrainOutcome & { kind: 'stopped' }; recorded: Recorded }> {
  const recorded = recorder()
  const outcome = await train(optionsFor(recorded, { ...changes, signal: abortingAfter(looks, reason) }))
  if (outcome.kind !== 'stopped') throw new Error('it was not stopped')
  return { outcome, recorded }
}

/** The same, resumed from its checkpoint to the end. */
export async function interrupted(changes: Changes, looks: number) {
  const { outcome, recorded } = await stopped(changes, looks)
  const checkpoint = recorded.checkpoints.get(outcome.step) ?? new Uint8Array()
  return finished({ ...changes, resume: { step: outcome.step, checkpoint } })
}

/** Data of the events of one type, in order. */
export function eventsOf(recorded: Recorded, type: EventType): Record<string, unknown>[] {
  return recorded.events.filter((event) => event.type === type).map(({ data }) => data)
}
