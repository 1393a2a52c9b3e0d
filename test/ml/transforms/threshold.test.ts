import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { thresholdAt } from '../../../src/ml/transforms/threshold.js'
import { MODES, specOf } from './modes.js'

const KINDS = ['linear', 'exponential', 'cosine'] as const
const scheduled = (kind: (typeof KINDS)[number], finalFraction: number) =>
  specOf({ mode: 'norm', maxNorm: 2, thresholdSchedule: { kind, beginStep: 10, endStep: 30, finalFraction } })

describe('thresholdAt', () => {
  it('begins at the threshold, ends at its fraction, and moves one way only', () =>
    fc.assert(
      fc.property(fc.constantFrom(...KINDS), fc.double({ min: 0.01, max: 100, noNaN: true }), (kind, fraction) => {
        const at = (step: number) => thresholdAt(scheduled(kind, fraction), step, 100)
        expect([at(0), at(10)]).toEqual([2, expect.closeTo(2, 9)])
        expect([at(30), at(99)]).toEqual([2 * fraction, 2 * fraction])
        const sign = Math.sign(fraction - 1)
        for (let step = 10; step < 30; step++) expect((at(step + 1) - at(step)) * sign).toBeGreaterThanOrEqual(-1e-9)
      }),
    ))

  it.each([
    ['linear', 1.25], // 2 · (1 + (0.25 − 1) · ½)
    ['exponential', 1], // 2 · 0.25^½
    ['cosine', 1.25], // 2 · (0.25 + 0.75 · ½)
  ] as const)('is, half way to a quarter of 2, %s: %d', (kind, expected) => {
    expect(thresholdAt(scheduled(kind, 0.25), 20, 100)).toBeCloseTo(expected, 9)
  })

  it('ends with the job if the schedule names no end', () => {
    const schedule = { kind: 'linear', finalFraction: 0.5 }
    const spec = specOf({ mode: 'value', maxValue: 4, thresholdSchedule: schedule })
    expect([0, 50, 100].map((step) => thresholdAt(spec, step, 100))).toEqual([4, 3, 2])
  })

  it('keeps a percentile within 100, and any other threshold a positive float32', () => {
    const thresholdSchedule = { kind: 'linear', finalFraction: 1e6, endStep: 1 }
    expect(thresholdAt(specOf({ mode: 'auto', percentile: 90, thresholdSchedule }), 5, 10)).toBe(100)
    expect(thresholdAt(specOf({ mode: 'norm', maxNorm: 3e38, thresholdSchedule }), 5, 10)).toBe(3.4e38)
    const shrinking = { ...thresholdSchedule, finalFraction: 1e-6 }
    expect(thresholdAt(specOf({ mode: 'norm', maxNorm: 2e-38, thresholdSchedule: shrinking }), 5, 10)).toBe(
      1.1754944e-38,
    )
  })

  it('of a mode without a schedule is its field, 0 for none', () => {
    const modes = new Map(MODES.map((spec) => [spec.mode, thresholdAt(spec, 7, 10)]))
    expect(Object.fromEntries(modes)).toEqual({
      ...{ none: 0, value: 1, norm: 1, 'global-norm': 1, 'block-rms': 0.5, adaptive: 0.1, auto: 50 },
      ...{ 'z-score': 1, 'ada-gc': 1.05 },
    })
  })
})
