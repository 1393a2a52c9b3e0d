import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PlateauSchedule } from '../../../src/contracts/learning-rate-schedule.js'
import { initialPlateau, nextPlateau, type PlateauState } from '../../../src/ml/optimizers/plateau.js'

const plateau = (fields: Partial<PlateauSchedule> = {}): PlateauSchedule => ({
  kind: 'plateau',
  monitor: 'validation.loss',
  factor: 0.5,
  patience: 2,
  minDelta: 0,
  cooldown: 0,
  minLearningRate: 0,
  warmupSteps: 0,
  warmupInitialFraction: 0,
  ...fields,
})

/** The factor after each value, at learning rate 1. */
function factors(schedule: PlateauSchedule, values: readonly (number | null)[]): number[] {
  let state: PlateauState = initialPlateau
  return values.map((value) => {
    state = nextPlateau(schedule, 1, state, value)
    return state.factor
  })
}

describe('reduce on plateau', () => {
  it('never cuts while the value improves each time', () =>
    fc.assert(
      fc.property(fc.array(fc.double({ min: 1e-3, max: 1, noNaN: true }), { maxLength: 30 }), (drops) => {
        let value = 100
        const values = drops.map((drop) => {
          value -= drop
          return value
        })
        expect(factors(plateau(), values).every((factor) => factor === 1)).toBe(true)
      }),
    ))

  it('resumes from its state as JSON as if it had not been interrupted', () =>
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 30 }), fc.nat(30), (values, at) => {
        const schedule = plateau({ cooldown: 2 })
        let state = initialPlateau
        let copied = initialPlateau
        values.forEach((value, i) => {
          state = nextPlateau(schedule, 1, state, value)
          if (i === at) copied = JSON.parse(JSON.stringify(copied))
          copied = nextPlateau(schedule, 1, copied, value)
        })
        expect(copied).toEqual(state)
      }),
    ))

  it('cuts after 2 epochs in a row that are no better, and again after 2 more', () => {
    expect(factors(plateau(), [3, 3, 3, 3, 3])).toEqual([1, 1, 0.5, 0.5, 0.25])
    expect(factors(plateau(), [3, 4, 2, 2, 1, 1, 1])).toEqual([1, 1, 1, 1, 1, 1, 0.5])
  })

  it('does not count the epochs of the cooldown but takes in their values', () => {
    // As ReduceLROnPlateau: cut at the third, the next of two cooldown epochs is skipped, the second already counts.
    expect(factors(plateau({ cooldown: 2 }), [3, 3, 3, 3, 3, 3])).toEqual([1, 1, 0.5, 0.5, 0.5, 0.25])
    expect(factors(plateau({ cooldown: 2 }), [3, 3, 3, 2, 2.5, 2.5, 1])).toEqual([1, 1, 0.5, 0.5, 0.5, 0.25, 0.25])
  })

  it('takes only changes above minDelta for improvements', () => {
    expect(factors(plateau({ minDelta: 0.1 }), [3, 2.95, 2.9])).toEqual([1, 1, 0.5])
    expect(factors(plateau({ minDelta: 0.1 }), [3, 2.95, 2.89])).toEqual([1, 1, 1])
  })

  it('does not cut below the least learning rate any more', () => {
    const values = Array.from({ length: 9 }, () => 3)
    expect(factors(plateau({ minLearningRate: 0.3 }), values).at(-1)).toBe(0.25) // 0.5 > 0.3 was cut once more, to 0.3 in effect
  })

  it('waits for rises of an accuracy, and takes NaN and null for no improvement', () => {
    const accuracy = plateau({ monitor: 'validation.accuracy' })
    expect(factors(accuracy, [0.5, 0.6, 0.7, 0.6, 0.6])).toEqual([1, 1, 1, 1, 0.5])
    expect(factors(plateau(), [3, Number.NaN, null])).toEqual([1, 1, 0.5])
    expect(factors(plateau(), [null, 3, 2])).toEqual([1, 1, 1])
  })
})
