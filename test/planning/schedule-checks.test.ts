import { describe, expect, it } from 'vitest'
import { checkLearningRate, withEndStep } from '../../src/planning/schedule-checks.js'
import { specOf } from './fixtures.js'

const STEPS = 100
const pointersOf = (optimizer: Record<string, unknown>, fields: Record<string, unknown> = {}) =>
  checkLearningRate(specOf({ optimizer: { kind: 'sgd', ...optimizer }, ...fields }), STEPS).map(
    ({ pointer }) => pointer,
  )
const schedulePointersOf = (schedule: Record<string, unknown>, fields: Record<string, unknown> = {}) =>
  pointersOf({ schedule }, fields).map((pointer) => pointer.replace('/optimizer/schedule', ''))

const pieces = (...begins: number[]) => ({
  kind: 'piecewise',
  pieces: begins.map((beginStep) => ({ beginStep, fraction: 0.5 })),
})

describe('a learning rate in a job of 100 steps', () => {
  it.each<[string, Record<string, unknown>]>([
    ['constant', { kind: 'constant' }],
    ['a step', { kind: 'step', everySteps: 99 }],
    ['pieces', pieces(1, 2, 99)],
    ['a cosine to the end', { kind: 'cosine', beginStep: 99 }],
    ['a cosine that ends after the job', { kind: 'cosine', endStep: 1000 }],
    ['a warm-up', { kind: 'polynomial', warmupSteps: 99 }],
    ['a slow decay', { kind: 'exponential', rate: 0.5, decaySteps: 1000 }],
    ['a stair', { kind: 'inverse-time', rate: 1, decaySteps: 99, staircase: true }],
    ['a period longer than the job', { kind: 'cosine-restarts', firstPeriodSteps: 1000 }],
    ['three phases', { kind: 'one-cycle', threePhase: true, pctStart: 0.5 }],
    ['a plateau of the training loss', { kind: 'plateau', monitor: 'loss' }],
  ])('may be %s', (_, schedule) => {
    expect(schedulePointersOf(schedule)).toEqual([])
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['a warm-up as long as the job', { kind: 'constant', warmupSteps: 100 }, '/warmupSteps'],
    ['a warm-up up to the end of the cosine', { kind: 'cosine', warmupSteps: 50, endStep: 50 }, '/warmupSteps'],
    ['a cosine that begins at its end', { kind: 'cosine', beginStep: 50, endStep: 50 }, '/beginStep'],
    ['a line that begins at the end of the job', { kind: 'linear', beginStep: 100 }, '/beginStep'],
    ['a polynomial that begins after its end', { kind: 'polynomial', beginStep: 60, endStep: 50 }, '/beginStep'],
    ['a first cut after the job', { kind: 'step', everySteps: 100 }, '/everySteps'],
    ['a cosine that begins after the job', { kind: 'cosine', beginStep: 100, endStep: 200 }, '/beginStep'],
    [
      'a stair longer than the job',
      { kind: 'exponential', rate: 0.5, decaySteps: 100, staircase: true },
      '/decaySteps',
    ],
    [
      'a stair after the warm-up',
      { kind: 'inverse-time', rate: 1, decaySteps: 60, warmupSteps: 40, staircase: true },
      '/decaySteps',
    ],
    ['a first cut after warm-up and job', { kind: 'step', everySteps: 60, warmupSteps: 40 }, '/everySteps'],
    ['pieces out of order', pieces(20, 10), '/pieces/1/beginStep'],
    ['two pieces at once', pieces(20, 20), '/pieces/1/beginStep'],
    ['a piece after the job', pieces(20, 100), '/pieces/1/beginStep'],
    ['three phases that do not fit', { kind: 'one-cycle', threePhase: true, pctStart: 0.6 }, '/pctStart'],
    ['a plateau without rows held out', { kind: 'plateau' }, '/monitor'],
    ['a floor above the learning rate', { kind: 'plateau', monitor: 'loss', minLearningRate: 1 }, '/minLearningRate'],
  ])('must not be %s', (_, schedule, pointer) => {
    expect(schedulePointersOf(schedule)).toEqual([pointer])
  })

  it('may wait for a metric only if that is measured on rows held out', () => {
    const schedule = { kind: 'plateau', monitor: 'validation.accuracy' }
    const validation = { fraction: 0.1 }
    expect(schedulePointersOf(schedule, { validation, metrics: ['accuracy'] })).toEqual([])
    expect(schedulePointersOf(schedule, { validation: { folds: 5 }, metrics: ['accuracy'] })).toEqual([])
    expect(schedulePointersOf(schedule, { validation, metrics: [] })).toEqual(['/monitor'])
  })

  it('must not change under ftrl', () => {
    expect(pointersOf({ kind: 'ftrl' })).toEqual([])
    expect(pointersOf({ kind: 'ftrl', schedule: { kind: 'cosine' } })).toEqual(['/optimizer/schedule'])
    expect(pointersOf({ kind: 'ftrl', schedule: { kind: 'constant', warmupSteps: 5 } })).toEqual([
      '/optimizer/schedule',
    ])
  })

  it('must not look ahead along a momentum that is not there', () => {
    expect(pointersOf({ nesterov: true })).toEqual(['/optimizer/nesterov'])
    expect(pointersOf({ nesterov: true, momentum: 0.9 })).toEqual([])
  })

  it('must not decay weights by more than all: 1 · 1 is refused, 0.5 · 1 is not', () => {
    expect(pointersOf({ learningRate: 1, weightDecay: 1 })).toEqual(['/optimizer/weightDecay'])
    expect(pointersOf({ learningRate: 0.5, weightDecay: 1 })).toEqual([])
  })
})

it('the end of a schedule is by default that of the job', () => {
  const scheduleOf = (schedule: Record<string, unknown>) =>
    specOf({ optimizer: { kind: 'sgd', schedule } }).optimizer.schedule
  for (const kind of ['cosine', 'polynomial', 'linear']) {
    expect(withEndStep(scheduleOf({ kind }), STEPS)).toMatchObject({ endStep: STEPS })
    expect(withEndStep(scheduleOf({ kind, endStep: 7 }), STEPS)).toMatchObject({ endStep: 7 })
  }
  expect(withEndStep(scheduleOf({ kind: 'constant' }), STEPS)).not.toHaveProperty('endStep')
})
