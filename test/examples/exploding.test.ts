import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ARMS, EXPERIMENTS, type Experiment, specOf, stepsUntil } from '../../examples/exploding/experiments.js'
import { armFigures, makeTrial, median, type Trial } from '../../examples/exploding/figures.js'
import { experimentTable } from '../../examples/exploding/table.js'
import { runTrials } from '../../examples/exploding/trials.js'
import { withService } from '../../examples/service.js'
import { parse } from '../../src/contracts/parse.js'
import type { TrainingJob } from '../../src/contracts/training-job.js'
import { TrainingJobSpec } from '../../src/contracts/training-job-spec.js'
import { loadBuiltin } from '../../src/datasets/builtin.js'
import { planTrainingJob } from '../../src/planning/plan.js'
import { jobResult } from '../cli/job-result.js'
import { jobSpec } from '../support/jobs.js'
import { emptyReport } from '../support/reports.js'

const datasetId = 'ds_00000000-0000-7000-8000-000000000000'
const named = (name: string): Experiment => {
  const experiment = EXPERIMENTS.find((one) => one.name === name)
  if (!experiment) throw new Error(`no experiment ${name}`)
  return experiment
}
const temporalOrder = named('temporal order')
const deepMlp = named('deep MLP')

describe('the specs', () => {
  it.each([
    // 6·50 + 50·50 + 50 in the recurrent layer, 50·4 + 4 in the output; 99,000 sequences that are not held out, in batches of 20
    [temporalOrder, { parameters: 3054, steps: 5000, stepsPerEpoch: 4950, validationRows: 1000, testRows: 10_000 }],
    // 784·100 + 100, nine times 100·100 + 100, 100·10 + 10; 60,000 images in batches of 100
    [deepMlp, { parameters: 170_410, steps: 600, stepsPerEpoch: 600, validationRows: 0, testRows: 10_000 }],
  ])('of $name are valid and train what they say', async (experiment, expected) => {
    const { schema } = await loadBuiltin(experiment.dataset)
    const parsed = parse(TrainingJobSpec, specOf(experiment, { arm: 'clipped', seed: 3, datasetId }))
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
    expect(planTrainingJob(parsed.value, schema)).toMatchObject(expected)
  })

  it.each(EXPERIMENTS)('of $name differ between the arms of a seed in clipping alone', (experiment) => {
    const clipped = specOf(experiment, { arm: 'clipped', seed: 3, datasetId })
    const unclipped = specOf(experiment, { arm: 'unclipped', seed: 3, datasetId })
    expect([clipped.clipping, unclipped.clipping]).toEqual([{ mode: 'global-norm', maxNorm: 1 }, { mode: 'none' }])
    expect({ ...clipped, name: '', clipping: ARMS.unclipped }).toEqual({ ...unclipped, name: '' })
  })
})

const at = '2026-01-01T00:00:00.000Z'
const job = (changes: Partial<TrainingJob>): TrainingJob => ({
  id: 'job_1',
  status: 'succeeded',
  spec: jobSpec(datasetId),
  attempt: 1,
  cancelRequested: false,
  progress: null,
  result: null,
  failure: null,
  createdAt: at,
  startedAt: at,
  endedAt: at,
  ...changes,
})
const failed = (code: string, step: number | null) =>
  job({ status: 'failed', failure: { code, message: 'a long story', step } })
const solvedWith = (accuracy: number) => job({ result: jobResult({ steps: 750, test: { accuracy } }) })

describe('what happened in a job', () => {
  it('is a solution only above 99 % of the test sequences', () => {
    expect(stepsUntil('solved', solvedWith(0.9901))).toBe(750)
    expect(stepsUntil('solved', solvedWith(0.99))).toBeNull()
    expect(stepsUntil('solved', failed('DIVERGED', 12))).toBeNull()
  })

  it('is not finite if the job failed for that', () => {
    expect(stepsUntil('non-finite', failed('NON_FINITE_GRADIENT', 230))).toBe(230)
    expect(stepsUntil('non-finite', solvedWith(0.5))).toBeNull()
  })

  it('counts neither way if the job ended for another reason', () => {
    expect(() => stepsUntil('non-finite', failed('TIME_LIMIT', 5))).toThrow('job_1 failed: a long story')
    expect(() => stepsUntil('solved', job({ status: 'cancelled' }))).toThrow('job_1 cancelled')
    const ended = { arm: 'clipped', seed: 0, job: failed('DIVERGED', 0), report: emptyReport(0) } as const
    expect(() => makeTrial(deepMlp, ended)).toThrow('job_1 failed before its first step')
  })
})

const trial = (changes: Partial<Trial>): Trial => ({
  arm: 'clipped',
  seed: 0,
  jobId: 'job_1',
  steps: 600,
  eventAfter: null,
  testAccuracy: 0.93,
  failure: null,
  norm: { q50: 2, q90: 4, q99: 8, max: 20 },
  clippedSteps: 300,
  ...changes,
})

describe('the figures of an arm', () => {
  it('hold exactly when the number of events is in the range that is expected', () => {
    const counts = fc.record({
      jobs: fc.integer({ min: 0, max: 9 }),
      events: fc.integer({ min: 0, max: 9 }),
      least: fc.integer({ min: 0, max: 9 }),
      most: fc.integer({ min: 0, max: 9 }),
    })
    fc.assert(
      fc.property(counts, ({ jobs, events, least, most }) => {
        const expected = { clipped: [least, most], unclipped: [0, 0] } as const
        const trials = Array.from({ length: jobs }, (_, place) => trial({ eventAfter: place < events ? place : null }))
        const [clipped] = armFigures({ expected }, trials)
        const happened = Math.min(jobs, events)
        expect(clipped).toMatchObject({ jobs, events: happened, holds: happened >= least && happened <= most })
      }),
    )
  })

  it('are medians over its jobs, the largest norm, and the clipped share of all steps', () => {
    const trials = [
      trial({ arm: 'unclipped', steps: 90, eventAfter: 90, testAccuracy: null, clippedSteps: 0 }),
      trial({ eventAfter: 100, steps: 100, clippedSteps: 10, norm: { q50: 1, q90: 2, q99: 3, max: 4 } }),
      trial({ eventAfter: 300, steps: 300, clippedSteps: 90, norm: { q50: 3, q90: 4, q99: 5, max: 6 } }),
      trial({ testAccuracy: 0.25, steps: 600, clippedSteps: 0, norm: { q50: 2, q90: 9, q99: 9, max: 5 } }),
    ]
    const [clipped, unclipped] = armFigures(temporalOrder, trials)
    // (10 + 90 + 0) of (100 + 300 + 600) steps
    expect(clipped).toEqual({
      arm: 'clipped',
      jobs: 3,
      events: 2,
      expected: [4, 5],
      holds: false,
      medianSteps: 200,
      testAccuracy: 0.93,
      norm: { q50: 2, q90: 4, q99: 5, max: 6 },
      engagement: 0.1,
    })
    expect(unclipped).toMatchObject({ jobs: 1, events: 1, holds: true, medianSteps: 90, testAccuracy: null })
  })

  it('take the median of an odd number from the middle, of an even one between both', () => {
    expect([median([]), median([7]), median([9, 1, 5]), median([8, 1, 2, 4])]).toEqual([null, 7, 5, 3])
  })

  it('stand in a line of the table that says whether they hold', () => {
    const trials = Array.from({ length: 5 }, (_, seed) => trial({ seed }))
    const gone = {
      arm: 'unclipped',
      testAccuracy: null,
      norm: { q50: 1.925, q90: 10.14, q99: 1900, max: 4.2e28 },
    } as const
    const exploded = [219, 90, 193].map((steps, seed) =>
      trial({ ...gone, seed, steps, eventAfter: steps, clippedSteps: 0 }),
    )
    const lines = experimentTable(deepMlp, armFigures(deepMlp, [...trials, ...exploded])).split('\n')
    expect(lines.slice(2).map((line) => line.split(/ {2,}/))).toEqual([
      ['clipped', '0 of 5', '0', 'yes', '–', '93.0 %', '2', '4', '8', '20', '50.0 %'],
      ['unclipped', '3 of 3', '≥ 4', 'NO', '193', '–', '1.93', '10.1', '1,900', '4.2e+28', '0.0 %'],
    ])
  })
})

/** Without activations the gradient of a layer grows with the product of the others: unclipped it is infinite after a few steps. */
const tiny: Experiment = {
  ...deepMlp,
  dataset: { name: 'temporal-order', rows: 200, testRows: 50, length: 10 },
  spec: {
    model: {
      kind: 'layers',
      inputShape: [10, 6],
      layers: [
        { type: 'flatten' },
        ...Array(6).fill({ type: 'dense', units: 8, kernelInitializer: 'he-normal' }),
        { type: 'dense', units: 4, name: 'output' },
      ],
    },
    optimizer: { kind: 'sgd', learningRate: 0.3 },
    steps: 60,
    batchSize: 20,
  },
}

it('runs through a service of its own, and reads the report of the job that exploded', async () => {
  const [clipped, unclipped] = await withService({ trainers: 2 }, (client) => runTrials(client, tiny, [4]))
  expect(clipped).toMatchObject({ arm: 'clipped', seed: 4, steps: 60, eventAfter: null, failure: null })
  expect(clipped?.clippedSteps).toBeGreaterThan(0)
  expect(clipped?.norm.max).toBeLessThan(1000)

  expect(unclipped).toMatchObject({ arm: 'unclipped', seed: 4, failure: 'NON_FINITE_GRADIENT', clippedSteps: 0 })
  // The report tells of every step before the one that failed.
  expect(unclipped?.steps).toBe(unclipped?.eventAfter)
  expect(unclipped?.steps).toBeLessThan(20)
  expect(unclipped?.norm.max).toBeGreaterThan(10_000)
})
