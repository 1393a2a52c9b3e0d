import { expect, it } from 'vitest'
import { summary } from '../../src/cli/jobs.js'
import type { TrainingJob } from '../../src/contracts/training-job.js'
import { jobSpec, RESULT } from '../support/jobs.js'

it('sums up a job one of whose means is not a number', () => {
  const at = '2026-01-01T00:00:00.000Z'
  const job: TrainingJob = {
    id: 'job_1',
    status: 'succeeded',
    spec: jobSpec('ds_00000000-0000-7000-8000-000000000000'),
    attempt: 1,
    cancelRequested: false,
    progress: null,
    // As it comes out of JSON, which knows no NaN.
    result: { ...RESULT, test: JSON.parse(JSON.stringify({ loss: Number.NaN, accuracy: 0.75 })) },
    failure: null,
    createdAt: at,
    startedAt: at,
    endedAt: at,
  }
  expect(summary(job)).toBe('job_1 succeeded: 10 steps, loss not a number, accuracy 0.7500')
})
