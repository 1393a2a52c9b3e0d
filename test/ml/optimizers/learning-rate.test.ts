import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { learningRateAt } from '../../../src/ml/optimizers/learning-rate.js'

const cosine = (beginStep: number, endStep: number | undefined, finalFraction: number) => ({
  learningRate: 0.1,
  schedule: { kind: 'cosine' as const, beginStep, finalFraction, ...(endStep === undefined ? {} : { endStep }) },
})

describe('cosine', () => {
  it('falls from the learning rate to its final fraction, and stays there', () =>
    fc.assert(
      fc.property(
        fc.nat(50),
        fc.integer({ min: 1, max: 100 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (begin, length, f) => {
          const rates = Array.from({ length: begin + length + 5 }, (_, step) =>
            learningRateAt(cosine(begin, begin + length, f), step, 1000),
          )
          expect(rates[begin]).toBeCloseTo(0.1, 12)
          expect(rates.at(-1)).toBeCloseTo(0.1 * f, 12)
          expect(rates[begin + length]).toBeCloseTo(0.1 * f, 12)
          for (let i = 1; i < rates.length; i++) expect(rates[i]).toBeLessThanOrEqual((rates[i - 1] ?? 0) + 1e-15)
        },
      ),
    ))

  it('is half-way at half of the steps: 0.1 · ½ = 0.05, and constant before it begins', () => {
    expect(learningRateAt(cosine(100, undefined, 0), 150, 200)).toBeCloseTo(0.05, 12)
    expect(learningRateAt(cosine(100, undefined, 0), 99, 200)).toBe(0.1)
    expect(learningRateAt(cosine(100, undefined, 0), 200, 200)).toBe(0)
  })
})

it('constant stays', () => {
  expect(learningRateAt({ learningRate: 0.3, schedule: { kind: 'constant' } }, 999, 1000)).toBe(0.3)
})
