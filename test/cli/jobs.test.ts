import { expect, it } from 'vitest'
import { jobTable, summary } from '../../src/cli/jobs.js'
import type { TrainingJob } from '../../src/contracts/training-job.js'
import { jobSpec, RESULT } from '../support/jobs.js'

const at = '2026-01-01T00:00:00.000Z'
function job(changes: Partial<TrainingJob>): TrainingJob {
  return {
    id: 'job_1',
    status: 'succeeded',
    spec: jobSpec('ds_00000000-0000-7000-8000-000000000000'),
    attempt: 1,
    cancelRequested: false,
    progress: null,
    result: null,
    failure: null,
    createdAt: at,
    startedAt: at,
    endedAt: at,
    ...changes,
  }
}

it('sums up a job one of whose means is not a number', () => {
  // As it comes out of JSON, which knows no NaN.
  const test = JSON.parse(JSON.stringify({ loss: Number.NaN, accuracy: 0.75 }))
  expect(summary(job({ result: { ...RESULT, test } }))).toBe(
    'job_1 succeeded: 10 steps, loss not a number, accuracy 0.7500',
  )
})

it('lists jobs with their names and why they failed', () => {
  const spec = { ...jobSpec('ds_00000000-0000-7000-8000-000000000000'), name: 'nightly' }
  const failure = { code: 'DIVERGED', message: 'a long story', step: 3 }
  const table = jobTable([job({ spec }), job({ spec, id: 'job_2', status: 'failed', failure })])
  expect(table.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
    ['id', 'status', 'step', 'failure', 'name'],
    ['job_1', 'succeeded', 'nightly'],
    ['job_2', 'failed', 'DIVERGED', 'nightly'],
  ])
})
