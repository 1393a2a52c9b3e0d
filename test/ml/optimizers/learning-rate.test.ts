import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LearningRateSchedule } from '../../../src/contracts/learning-rate-schedule.js'
import { learningRateAt } from '../../../src/ml/optimizers/learning-rate.js'
import { specOf } from './specs.js'

/** The rates of all steps of a job, by default at learning rate 1. */
function ratesOf(schedule: Record<string, unknown>, steps: number, learningRate = 1): number[] {
  const spec = specOf({ kind: 'sgd', learningRate, schedule })
  return Array.from({ length: steps }, (_, step) => learningRateAt(spec, step, steps))
}

function expectRates(schedule: Record<string, unknown>, expected: readonly number[]) {
  const rates = ratesOf(schedule, expected.length)
  for (const [step, rate] of expected.entries()) expect(rates[step], `step ${step}`).toBeCloseTo(rate, 12)
}

const DECAYING: readonly Record<string, unknown>[] = [
  { kind: 'constant' },
  { kind: 'step', everySteps: 7 },
  { kind: 'piecewise', pieces: [{ beginStep: 5, fraction: 0.5 }] },
  { kind: 'exponential', rate: 0.5, decaySteps: 10 },
  { kind: 'exponential', rate: 0.5, decaySteps: 10, staircase: true },
  { kind: 'inverse-time', rate: 2, decaySteps: 10 },
  { kind: 'cosine' },
  { kind: 'cosine', beginStep: 5, endStep: 20, finalFraction: 0.1 },
  { kind: 'polynomial', power: 2 },
  { kind: 'polynomial', endStep: 20, finalFraction: 0.1 },
  { kind: 'linear' },
  { kind: 'plateau' },
]
const OTHERS: readonly Record<string, unknown>[] = [
  { kind: 'cosine', endStep: 9, oscillate: true },
  { kind: 'cosine-restarts', firstPeriodSteps: 5 },
  { kind: 'polynomial', endStep: 9, cycle: true },
  { kind: 'one-cycle' },
  { kind: 'one-cycle', threePhase: true, anneal: 'linear' },
]

it('all kinds of the contract are in the lists above', () => {
  const kinds = LearningRateSchedule.anyOf.map((schema) => schema.properties.kind.const)
  expect([...new Set([...DECAYING, ...OTHERS].map(({ kind }) => kind))].sort()).toEqual([...kinds].sort())
})

describe.each(DECAYING.map((schedule) => [JSON.stringify(schedule), schedule] as const))('%s', (_, schedule) => {
  it('begins at the learning rate and never rises', () => {
    const rates = ratesOf(schedule, 40, 0.1)
    expect(rates[0]).toBe(0.1)
    for (let i = 1; i < rates.length; i++) expect(rates[i]).toBeLessThanOrEqual(rates[i - 1] ?? 0)
  })
})

describe.each([...DECAYING, ...OTHERS].map((schedule) => [JSON.stringify(schedule), schedule] as const))(
  '%s',
  (_, schedule) => {
    it('stays between 0 and the learning rate, at all steps and beyond the end', () => {
      for (const steps of [1, 2, 40]) {
        const spec = specOf({ kind: 'sgd', learningRate: 0.1, schedule })
        for (let step = 0; step < steps + 50; step++) {
          const rate = learningRateAt(spec, step, steps)
          expect(rate).toBeGreaterThanOrEqual(0)
          expect(rate).toBeLessThanOrEqual(0.1 * (1 + 1e-12))
        }
      }
    })
  },
)

describe('warm-up', () => {
  const WARM = [...DECAYING, ...OTHERS].filter(({ kind }) => kind !== 'linear' && kind !== 'one-cycle')

  it.each(WARM.map((schedule) => [JSON.stringify(schedule), schedule] as const))(
    'rises in a straight line to where the schedule begins: %s',
    (_, schedule) => {
      const rates = ratesOf({ ...schedule, warmupSteps: 4, warmupInitialFraction: 0.2 }, 40)
      const start = rates[4] ?? Number.NaN
      expect(start).toBeCloseTo(1, 12)
      for (const [step, share] of [0.2, 0.4, 0.6, 0.8].entries()) expect(rates[step]).toBeCloseTo(start * share, 12)
    },
  )

  it('delays what is counted in steps, and leaves alone what is a step of the job', () => {
    expectRates({ kind: 'step', everySteps: 2, factor: 0.5, warmupSteps: 2 }, [0, 0.5, 1, 1, 0.5, 0.5, 0.25])
    const pieces = [{ beginStep: 3, fraction: 0.5 }]
    expectRates({ kind: 'piecewise', pieces, warmupSteps: 2 }, [0, 0.5, 1, 0.5, 0.5])
  })

  it('is followed by the fall of a cosine from the end of the warm-up to endStep: ½ at (2 + 6) / 2', () => {
    expectRates({ kind: 'cosine', warmupSteps: 2, endStep: 6 }, [0, 0.5, 1, (1 + Math.SQRT1_2) / 2, 0.5])
  })
})

describe('worked examples', () => {
  it('step: halved every 2 steps', () => {
    expectRates({ kind: 'step', everySteps: 2, factor: 0.5 }, [1, 1, 0.5, 0.5, 0.25])
  })

  it('piecewise: a piece begins with its first step', () => {
    const pieces = [
      { beginStep: 2, fraction: 0.5 },
      { beginStep: 3, fraction: 2 },
    ]
    expectRates({ kind: 'piecewise', pieces }, [1, 1, 0.5, 2, 2])
  })

  it('exponential: 0.25^(1/2) = 0.5; as a staircase it holds until the next whole period', () => {
    expectRates({ kind: 'exponential', rate: 0.25, decaySteps: 2 }, [1, 0.5, 0.25, 0.125])
    expectRates({ kind: 'exponential', rate: 0.25, decaySteps: 2, staircase: true }, [1, 1, 0.25, 0.25])
  })

  it('inverse time: 1 / (1 + 1 · 1/2) = 2/3', () => {
    expectRates({ kind: 'inverse-time', rate: 1, decaySteps: 2 }, [1, 2 / 3, 1 / 2])
  })

  it('cosine: half-way at half of the steps, constant before it begins, low after it ends', () => {
    expectRates({ kind: 'cosine', beginStep: 1, endStep: 3, finalFraction: 0.5 }, [1, 1, 0.75, 0.5, 0.5])
    expectRates({ kind: 'cosine' }, [1, (1 + Math.SQRT1_2) / 2, 0.5, (1 - Math.SQRT1_2) / 2])
  })

  it('cosine that oscillates: up again to step 4', () => {
    expectRates({ kind: 'cosine', endStep: 2, oscillate: true }, [1, 0.5, 0, 0.5, 1, 0.5, 0])
  })

  it('cosine restarts: periods of 2 and 4 steps, the second half as high', () => {
    const low = (1 - Math.SQRT1_2) / 4
    expectRates({ kind: 'cosine-restarts', firstPeriodSteps: 2, peakFactor: 0.5 }, [
      1,
      0.5,
      0.5,
      (1 + Math.SQRT1_2) / 4,
      0.25,
      low,
      0.25,
    ])
  })

  it('cosine restarts begin at the peak exactly where a period begins', () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.constantFrom(1, 2, 3, 10),
        fc.integer({ min: 0, max: 5 }),
        (first, factor, periods) => {
          const spec = specOf({
            kind: 'sgd',
            learningRate: 1,
            schedule: { kind: 'cosine-restarts', firstPeriodSteps: first, periodFactor: factor },
          })
          let begin = 0
          for (let i = 0; i < periods; i++) begin += first * factor ** i
          expect(learningRateAt(spec, begin, Number.NaN)).toBeCloseTo(1, 9)
        },
      ),
    ))

  it('polynomial: (1 − ½)² · 0.9 + 0.1 = 0.325', () => {
    expectRates({ kind: 'polynomial', endStep: 2, power: 2, finalFraction: 0.1 }, [1, 0.325, 0.1, 0.1])
  })

  it('polynomial that cycles: after step 2 on a line that ends at step 4', () => {
    expectRates({ kind: 'polynomial', endStep: 2, cycle: true }, [1, 0.5, 0, 0.25, 0])
  })

  it('linear, up', () => {
    const rising = { kind: 'linear', initialFraction: 0.2, finalFraction: 1, beginStep: 1, endStep: 3 }
    expectRates(rising, [0.2, 0.2, 0.6, 1, 1])
  })

  it('one-cycle over 11 steps, linear: from 1/4 up to 1 at step 0.4 · 11 − 1 = 3.4, down to 1/400 at step 10', () => {
    const schedule = { kind: 'one-cycle', pctStart: 0.4, divFactor: 4, finalDivFactor: 100, anneal: 'linear' }
    const rates = ratesOf(schedule, 11)
    expect(rates[0]).toBeCloseTo(0.25, 12)
    expect(rates[3]).toBeCloseTo(0.25 + (0.75 * 3) / 3.4, 12)
    expect(rates[4]).toBeCloseTo(1 - ((1 - 1 / 400) * 0.6) / 6.6, 12)
    expect(rates[10]).toBeCloseTo(1 / 400, 12)
  })

  it('plateau: the factor of its state, but never less than minLearningRate', () => {
    const spec = specOf({ kind: 'sgd', learningRate: 0.1, schedule: { kind: 'plateau', minLearningRate: 0.02 } })
    expect([1, 0.5, 0.1].map((factor) => learningRateAt(spec, 3, 10, factor))).toEqual([0.1, 0.05, 0.02])
  })
})
