import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ratios, summarize } from '../../bench/statistics.js'

const times = () => fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 30 })

it('keeps the median between the extremes, whatever the order', () =>
  fc.assert(
    fc.property(times(), (values) => {
      const { min, median, max } = summarize(values)
      expect(min).toBeLessThanOrEqual(median)
      expect(median).toBeLessThanOrEqual(max)
      expect(summarize(values.toReversed())).toEqual({ min, median, max })
      expect(values.filter((value) => value <= median).length * 2).toBeGreaterThanOrEqual(values.length)
    }),
  ))

it('takes the middle of three, and the mean of the middle two of four', () => {
  expect(summarize([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 })
  expect(summarize([10, 4, 1, 2])).toEqual({ median: 3, min: 1, max: 10 }) // (2 + 4) / 2
})

it('refuses to summarize nothing', () => {
  expect(() => summarize([])).toThrow(RangeError)
})

it('compares within a round: a round that is slow for both changes no ratio', () => {
  // 2 ÷ 4, 20 ÷ 40 and 3 ÷ 4: the medians would give 3 ÷ 4.
  expect(ratios([2, 20, 3], [4, 40, 4])).toEqual([0.5, 0.5, 0.75])
  expect(summarize(ratios([2, 20, 3], [4, 40, 4]))).toEqual({ median: 0.5, min: 0.5, max: 0.75 })
  expect(() => ratios([1], [1, 2])).toThrow(RangeError)
})
