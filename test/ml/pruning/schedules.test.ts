import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeSparsitySchedule } from '../../../src/ml/pruning/schedules.js'

const JOB = { steps: 10_000, sparsity: 0 }
const sparsity = () => fc.double({ min: 0, max: 0.99, noNaN: true })
const polynomials = () =>
  fc.record({
    kind: fc.constant('polynomial' as const),
    initialSparsity: sparsity(),
    finalSparsity: sparsity(),
    beginStep: fc.nat(500),
    frequency: fc.integer({ min: 1, max: 300 }),
    power: fc.double({ min: 0.25, max: 8, noNaN: true }),
    length: fc.integer({ min: 1, max: 500 }),
  })

describe('polynomial schedule', () => {
  it('goes from the initial to the final sparsity without turning back', () =>
    fc.assert(
      fc.property(polynomials(), (given) => {
        const spec = { ...given, endStep: given.beginStep + given.length }
        const { sparsityAt } = makeSparsitySchedule(spec, JOB)
        const sign = Math.sign(spec.finalSparsity - spec.initialSparsity)
        expect(sparsityAt(spec.beginStep)).toBeCloseTo(spec.initialSparsity, 12)
        expect(sparsityAt(spec.endStep)).toBe(spec.finalSparsity)
        for (let step = 0; step < spec.endStep + 3; step++) {
          expect((sparsityAt(step + 1) - sparsityAt(step)) * sign).toBeGreaterThanOrEqual(-1e-15)
        }
      }),
      { numRuns: 50 },
    ))

  it('updates last at endStep, first at beginStep, and in between every `frequency` steps', () =>
    fc.assert(
      fc.property(polynomials(), (given) => {
        const spec = { ...given, endStep: given.beginStep + given.length }
        const schedule = makeSparsitySchedule(spec, JOB)
        const steps = Array.from({ length: spec.endStep + 400 }, (_, step) => step).filter(schedule.isUpdateStep)
        expect(steps[0]).toBe(spec.beginStep)
        expect(steps.at(-1)).toBe(spec.endStep)
        for (const step of steps.slice(0, -1)) expect((step - spec.beginStep) % spec.frequency).toBe(0)
        expect(steps.length).toBe(Math.ceil(given.length / spec.frequency) + 1)
      }),
      { numRuns: 50 },
    ))

  it('is cubic by default: 0.9 · (1 − (1 − ½)³) = 0.7875 half-way', () => {
    const { sparsityAt } = makeSparsitySchedule(
      {
        kind: 'polynomial',
        initialSparsity: 0,
        finalSparsity: 0.9,
        beginStep: 100,
        endStep: 300,
        frequency: 50,
        power: 3,
      },
      JOB,
    )
    expect(sparsityAt(200)).toBeCloseTo(0.7875, 12)
    expect(sparsityAt(0)).toBe(0)
    expect(sparsityAt(1000)).toBe(0.9)
  })

  it('refuses to end before it has begun', () => {
    const spec = { kind: 'polynomial', initialSparsity: 0, finalSparsity: 0.5, frequency: 1, power: 3 } as const
    expect(() => makeSparsitySchedule({ ...spec, beginStep: 4, endStep: 4 }, JOB)).toThrow(/ends at step 4/)
  })
})

it('one-shot updates once', () => {
  const { isUpdateStep, sparsityAt } = makeSparsitySchedule(
    {
      kind: 'one-shot',
      finalSparsity: 0.5,
      beginStep: 3,
    },
    JOB,
  )
  expect([2, 3, 4].map(isUpdateStep)).toEqual([false, true, false])
  expect([2, 3, 4].map(sparsityAt)).toEqual([0, 0.5, 0.5])
})
