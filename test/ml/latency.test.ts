import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compareLatency, summarizeLatency } from '../../src/ml/latency.js'
import { buildModel } from '../../src/ml/models/model.js'
import { sizeOf } from '../../src/planning/shape.js'
import { modelOf, randomWeights, stored } from './pruning/compaction/networks.js'

const ms = () => fc.double({ min: 0.01, max: 100, noNaN: true })
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

it('keeps the median within its interval, whatever the order of the rounds', () =>
  fc.assert(
    fc.property(fc.array(fc.tuple(ms(), ms()), { minLength: 1, maxLength: 60 }), (rounds) => {
      const measured = (list: typeof rounds) =>
        summarizeLatency(
          1,
          list.map(([dense]) => dense),
          list.map(([, compact]) => compact),
        )
      const { denseMs, compactMs, speedup } = measured(rounds)
      for (const { low, median, high } of [denseMs, compactMs, speedup]) {
        expect(low).toBeLessThanOrEqual(median)
        expect(median).toBeLessThanOrEqual(high)
      }
      expect(measured(rounds.toReversed())).toEqual(measured(rounds))
    }),
  ))

it('bounds the median by order statistics that leave it out in at most 5 % of all cases', () => {
  // Of 6 rounds all lie on one side of the median with 2 · 2⁻⁶ = 3.1 %; of 9 at least 8 with 2 · (1 + 9) · 2⁻⁹ = 3.9 %; of 8 with 2 · (1 + 8) · 2⁻⁸ = 7 %.
  for (const [count, rank] of [
    [6, 1],
    [8, 1],
    [9, 2],
    [10, 2],
    [20, 6],
    [30, 10],
    [41, 14],
  ] as const) {
    const { low, median, high } = summarizeLatency(1, upTo(count), upTo(count)).denseMs
    expect({ count, low, median, high }).toEqual({ count, low: rank, median: (count + 1) / 2, high: count + 1 - rank })
  }
})

it('takes the ratio within each round and calls it faster only beyond the interval', () => {
  // 2 in every round, although half of the rounds are ten times as slow.
  const slow = upTo(10).map((round) => (round % 2 === 0 ? 10 : 1))
  const twice = summarizeLatency(
    64,
    slow.map((value) => 2 * value),
    slow,
  )
  expect(twice).toMatchObject({
    batch: 64,
    rounds: 10,
    speedup: { median: 2, low: 2, high: 2 },
    verdict: 'faster ×2.00',
  })
  expect(summarizeLatency(1, slow, slow).verdict).toBe('no measurable gain')
  expect(summarizeLatency(1, [1, 1, 1], [2, 2, 2]).verdict).toBe('slower ×0.50')
})

it('refuses rounds in which one did not take part', () => {
  expect(() => summarizeLatency(1, [1, 2], [1])).toThrow('2 rounds cannot be compared with 1')
  expect(() => summarizeLatency(1, [], [])).toThrow(RangeError)
})

it('takes more time for a network of 50 times the size, at the batch sizes that there are examples for', () => {
  const network = (units: number) => {
    const model = modelOf([200], { type: 'dense', units }, { type: 'dense', units: 200 })
    return { model: buildModel(model, 'mean-squared-error'), weights: randomWeights(model, 1) }
  }
  const zeros = (...shape: number[]) => stored(shape, new Float32Array(sizeOf(shape)))
  const examples = { 'data/features': zeros(64, 200), 'data/labels': zeros(64, 200) }
  const compared = (one: number, other: number) =>
    compareLatency(network(one), network(other), examples, { batches: [64, 65], rounds: 9 })
  const [faster, ...none] = compared(2000, 40)
  expect(none).toEqual([])
  expect(faster).toMatchObject({ batch: 64, rounds: 9 })
  expect(faster?.speedup.median).toBeGreaterThan(1)
  expect(faster?.denseMs.median).toBeGreaterThan(faster?.compactMs.median ?? Number.NaN)
  expect(compared(40, 2000)[0]?.speedup.median).toBeLessThan(1)
})
