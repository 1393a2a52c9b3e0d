import { describe, expect, it } from 'vitest'
import { type Interruption, StaleAttemptError } from '../../src/db/attempts.js'
import { type Ending, type Settling, settle } from '../../src/workers/settle.js'

const REF = { jobId: 'job_1', attempt: 3 }
const PATIENCE = { givenUp: new AbortController().signal, patienceMs: 5000 }
const DIED: Ending = { type: 'died', death: 'the trainer was killed by SIGKILL', lastWords: '' }

/** Writes down which outcome was stored, after as many failures as asked for. */
function ledger(failures: readonly Error[] = []) {
  const left = [...failures]
  const stored: unknown[][] = []
  const note = (...outcome: unknown[]) => {
    const failure = left.shift()
    if (failure) throw failure
    stored.push(outcome)
  }
  const attempts: Settling = {
    succeed: async (_, result) => note('succeed', result.steps),
    fail: async (_, failure) => note('fail', failure.code, failure.step),
    cancel: async () => note('cancel'),
    requeue: async (_, { code, countsAsAttempt }: Interruption) => {
      note('requeue', code, countsAsAttempt)
      return 'queued'
    },
  }
  return { attempts, stored }
}

describe('what the end of a trainer means', () => {
  it.each([
    ['killed for no reason of ours', DIED, null, ['requeue', 'TRAINER_DIED', true]],
    ['killed because it did not stop at a shutdown', DIED, 'shutdown', ['requeue', 'WORKER_SHUTDOWN', false]],
    ['let down by the database', { type: 'unstored', reason: '' }, null, ['requeue', 'STORAGE_UNAVAILABLE', false]],
    [
      'left without a checkpoint that can be used',
      { type: 'checkpoint-unusable', step: 9, reason: '' },
      null,
      ['requeue', 'CHECKPOINT_INVALID', false],
    ],
    ['killed because it did not stop when cancelled', DIED, 'cancel', ['cancel']],
    ['killed because it did not stop at its time limit', DIED, 'time-limit', ['fail', 'TIME_LIMIT', null]],
    [
      'stopped at a shutdown',
      { type: 'stopped', reason: 'shutdown', step: 9 },
      'shutdown',
      ['requeue', 'WORKER_SHUTDOWN', false],
    ],
    [
      'stopped at its time limit',
      { type: 'stopped', reason: 'time-limit', step: 9 },
      'time-limit',
      ['fail', 'TIME_LIMIT', 9],
    ],
    [
      'failed just before it was cancelled',
      { type: 'failed', failure: { code: 'X', message: '', step: 4 } },
      'cancel',
      ['fail', 'X', 4],
    ],
  ] as const)('%s', async (_, ending, reason, expected) => {
    const { attempts, stored } = ledger()
    await settle(REF, ending, reason, attempts, PATIENCE)
    expect(stored).toEqual([expected])
  })
})

it('stores nothing once the lease is lost, whatever the trainer says', async () => {
  const { attempts, stored } = ledger()
  const ending: Ending = { type: 'failed', failure: { code: 'X', message: '', step: 4 } }
  await expect(settle(REF, ending, 'lost-lease', attempts, PATIENCE)).rejects.toThrow(StaleAttemptError)
  expect(stored).toEqual([])
})

it('tries again when the database is out of reach, but not when it refuses', async () => {
  const reachable = ledger([new Error('connection refused')])
  await settle(REF, DIED, null, reachable.attempts, PATIENCE)
  expect(reachable.stored).toEqual([['requeue', 'TRAINER_DIED', true]])

  const refusing = ledger([new StaleAttemptError(REF)])
  await expect(settle(REF, DIED, null, refusing.attempts, PATIENCE)).rejects.toThrow(StaleAttemptError)
  expect(refusing.stored).toEqual([])
})
