import { describe, expect, it } from 'vitest'
import { makeSketch, RELATIVE_ERROR } from '../../../src/ml/ledger/sketch.js'
import { makeRandom } from '../../../src/random.js'

/** Rounding of the logarithm at the border of a bucket, on top of the error that is promised. */
const WITHIN = RELATIVE_ERROR + 1e-9

/** Numbers over many magnitudes, from a fixed sequence. */
function spread(count: number, seed: number): number[] {
  const random = makeRandom(seed, 'sketch')
  return Array.from({ length: count }, () => 10 ** (20 * random.normal()))
}
function sketchOf(values: readonly number[]) {
  const sketch = makeSketch()
  for (const value of values) sketch.add(value)
  return sketch
}
const exact = (values: readonly number[], q: number) =>
  [...values].sort((a, b) => a - b)[Math.floor(q * (values.length - 1))] ?? Number.NaN

describe('quantiles', () => {
  it.each([1, 2, 10, 101, 5000])('of %i numbers are off by at most 1 % of themselves, over all magnitudes', (count) => {
    const values = spread(count, count)
    const sketch = sketchOf(values)
    for (const q of [0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.99, 1]) {
      const wanted = exact(values, q)
      expect(Math.abs(sketch.quantile(q) - wanted)).toBeLessThanOrEqual(WITHIN * wanted)
    }
  })

  it('hold at the ends of float32 and for 0', () => {
    const values = [0, 0, 2 ** -149, 2 ** -126, 3.4028234663852886e38]
    const sketch = sketchOf(values)
    for (const q of [0, 0.25, 0.5, 0.75, 1])
      expect(Math.abs(sketch.quantile(q) - exact(values, q))).toBeLessThanOrEqual(WITHIN * exact(values, q))
  })

  it('ascend and lie between the exact extremes; a constant is told exactly', () => {
    const { min, q01, q05, q25, q50, q75, q90, q95, q99, max } = sketchOf(spread(1000, 3)).summary() ?? {}
    const ascending = [min, q01, q05, q25, q50, q75, q90, q95, q99, max]
    expect(ascending).toEqual([...ascending].sort((a = 0, b = 0) => a - b))
    const constant = sketchOf([0.7, 0.7, 0.7]).summary() ?? {}
    expect(new Set(Object.values({ ...constant, mean: 0.7 }))).toEqual(new Set([0.7]))
  })

  it('of 1 … 100: min 1, max 100, mean 5050 / 100, median the 50th', () => {
    const summary = sketchOf(Array.from({ length: 100 }, (_, i) => i + 1)).summary()
    expect(summary).toMatchObject({ min: 1, max: 100, mean: 50.5 })
    expect(Math.abs((summary?.q50 ?? 0) - 50)).toBeLessThanOrEqual(0.5) // rank ⌊0.5 · 99⌋ = 49 is the number 50; 1 % of it
  })

  it('leave out what is negative or not finite; there are none of nothing', () => {
    const sketch = sketchOf([Number.NaN, Number.POSITIVE_INFINITY, -1])
    expect([sketch.count(), sketch.summary(), sketch.quantile(0.5)]).toEqual([0, null, Number.NaN])
  })
})

describe('state', () => {
  it('goes on through JSON as if nothing had happened', () => {
    const values = spread(400, 5)
    for (const cut of [0, 1, 200, 400]) {
      const first = sketchOf(values.slice(0, cut))
      const second = makeSketch(JSON.parse(JSON.stringify(first.state())))
      for (const value of values.slice(cut)) second.add(value)
      expect(second.state()).toEqual(sketchOf(values).state())
    }
  })

  it('of several sketches gives the sketch of all their values', () => {
    const values = spread(300, 6)
    const parts = [values.slice(0, 100), [], values.slice(100)].map((part) => sketchOf(part).state())
    const { sum, ...merged } = makeSketch(...parts).state()
    const { sum: wantedSum, ...wanted } = sketchOf(values).state()
    expect(merged).toEqual(wanted)
    expect(sum / wantedSum).toBeCloseTo(1, 12)
  })
})
