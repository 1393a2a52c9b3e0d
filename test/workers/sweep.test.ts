import { expect, it, vi } from 'vitest'
import { type AttemptRef, type Interruption, StaleAttemptError } from '../../src/db/attempts.js'
import { startSweeper, sweepOnce } from '../../src/workers/sweep.js'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const expired = ['job_1', 'job_2', 'job_3', 'job_4'].map((jobId) => ({ jobId, attempt: 1 }))

function scene() {
  const requeued: [string, string, boolean][] = []
  const redeliver = vi.fn(async () => 0)
  const attempts = {
    requeue: async (ref: AttemptRef, { code, countsAsAttempt }: Interruption) => {
      if (ref.jobId === 'job_1') throw new StaleAttemptError(ref)
      if (ref.jobId === 'job_2') throw new Error('its spec is broken')
      requeued.push([ref.jobId, code, countsAsAttempt])
      return 'queued' as const
    },
  }
  const sweeps = { expiredLeases: async () => expired, redeliver, expireIdempotencyKeys: async () => 0 }
  return { requeued, redeliver, attempts, sweeps }
}

it('goes on after a job that cannot be taken up again', async () => {
  const { requeued, redeliver, ...parts } = scene()
  await sweepOnce({ ...parts, log: quiet })
  expect(requeued).toEqual([
    ['job_3', 'TRAINER_DIED', true],
    ['job_4', 'TRAINER_DIED', true],
  ])
  expect(redeliver).toHaveBeenCalledOnce()
})

it('does not count the leases that ran out while the database was away', async () => {
  const { requeued, attempts, sweeps } = scene()
  let passes = 0
  const expiredLeases = async () => {
    passes += 1
    if (passes === 1) throw new Error('connect ECONNREFUSED')
    return passes === 2 ? expired.slice(2, 3) : expired.slice(3)
  }
  const sweeper = startSweeper({ sweeps: { ...sweeps, expiredLeases }, attempts, log: quiet, intervalMs: 10 })
  await vi.waitFor(() => expect(requeued.length).toBeGreaterThan(1))
  await sweeper.close()
  expect(requeued.slice(0, 2)).toEqual([
    ['job_3', 'STORAGE_UNAVAILABLE', false],
    ['job_4', 'TRAINER_DIED', true],
  ])
})
