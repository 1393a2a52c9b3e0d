import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type EarlyStopping, modeOf } from '../../src/contracts/early-stopping.js'
import { initialEarlyStopping, nextEarlyStopping } from '../../src/ml/early-stopping.js'

const spec = (options: Partial<EarlyStopping> = {}): EarlyStopping => ({
  monitor: 'validation.loss',
  patience: 2,
  minDelta: 0,
  ...options,
})

/** All steps until it says stop, or to the end of the values. */
function follow(options: EarlyStopping, values: readonly (number | null)[]) {
  let state = initialEarlyStopping
  const steps = []
  for (const [at, value] of values.entries()) {
    const step = nextEarlyStopping(options, state, value, at)
    // A checkpoint keeps it as JSON.
    state = JSON.parse(JSON.stringify(step.state))
    steps.push(step)
    if (step.stop) break
  }
  return steps
}

const values = () => fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1, maxLength: 40 })

describe('nextEarlyStopping', () => {
  it('knows the best value so far and the first place of it', () =>
    fc.assert(
      fc.property(values(), fc.constantFrom('min', 'max'), fc.nat(4), (list, mode, minDelta) => {
        const steps = follow(spec({ mode, minDelta, patience: 1000 }), list)
        const best = mode === 'min' ? Math.min(...list) : Math.max(...list)
        const { state } = steps.at(-1) ?? { state: initialEarlyStopping }
        expect([state.best, state.bestAt]).toEqual([best, list.indexOf(best)])
        expect(steps.findLastIndex(({ isBest }) => isBest)).toBe(list.indexOf(best))
      }),
    ))

  it('stops exactly after `patience` values in a row none of which beats the last improvement by more than minDelta', () =>
    fc.assert(
      fc.property(values(), fc.integer({ min: 1, max: 5 }), fc.nat(2), (list, patience, minDelta) => {
        const steps = follow(spec({ patience, minDelta }), list)
        let [reference, waited] = [Number.POSITIVE_INFINITY, 0]
        const expected = list.findIndex((value) => {
          const improved = value < reference - minDelta
          waited = improved ? 0 : waited + 1
          if (improved) reference = value
          return waited === patience
        })
        expect(steps.length).toBe(expected === -1 ? list.length : expected + 1)
        expect(steps.at(-1)?.stop).toBe(expected === -1 ? null : 'patience')
      }),
    ))

  it('3, 2, 2.5, 2 with patience 2: stops at the fourth, the best is the second', () => {
    const steps = follow(spec(), [3, 2, 2.5, 2, 1])
    expect(steps.map(({ stop, isBest }) => [stop, isBest])).toEqual([
      [null, true],
      [null, true],
      [null, false],
      ['patience', false],
    ])
    expect(steps.at(-1)?.state).toEqual({ best: 2, bestAt: 1, reference: 2, waited: 2 })
  })

  it('small steps add up to an improvement: 1, 0.6, 0.3 at minDelta 0.5', () => {
    const states = follow(spec({ minDelta: 0.5 }), [1, 0.6, 0.3]).map(({ state }) => state)
    expect(states.map(({ reference, waited }) => [reference, waited])).toEqual([
      [1, 0],
      [1, 1],
      [0.3, 0],
    ])
    expect(states.at(1)?.best).toBe(0.6) // the best checkpoint is taken all the same
  })

  it('NaN and null are no improvement, also as the first values', () => {
    expect(follow(spec(), [null, Number.NaN]).map(({ stop, isBest }) => [stop, isBest])).toEqual([
      [null, false],
      ['patience', false],
    ])
  })

  it('stops as soon as the target is reached, whatever the patience', () => {
    const steps = follow(spec({ monitor: 'validation.accuracy', target: 0.9, patience: 100 }), [0.5, 0.8, 0.9, 1])
    expect(steps.map(({ stop }) => stop)).toEqual([null, null, 'target'])
    expect(follow(spec({ target: 0.1, patience: 100 }), [0.5, 0.05]).at(-1)?.stop).toBe('target')
  })
})

it('the mode is that of the number which is monitored, unless it is given', () => {
  expect(modeOf({ monitor: 'loss' })).toBe('min')
  expect(modeOf({ monitor: 'validation.top-3-accuracy' })).toBe('max')
  expect(modeOf({ monitor: 'validation.perplexity' })).toBe('min')
  expect(modeOf({ monitor: 'validation.accuracy', mode: 'min' })).toBe('min')
})
