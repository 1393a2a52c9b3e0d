import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeRandom, xoshiro128 } from '../src/random.js'

const seeds = fc.nat({ max: 2_147_483_647 })

describe('xoshiro128**', () => {
  it('gives the numbers worked out by hand for state 1, 2, 3, 4', () => {
    const next = xoshiro128([1, 2, 3, 4])
    // rotl(2 · 5, 7) · 9 = 11520; then b = 2 ⊕ (3 ⊕ 1) = 0; then b = 1029 and rotl(5145, 7) · 9 = 5927040
    expect([next(), next(), next(), next()]).toEqual([11520, 0, 5_927_040, 70_819_200])
  })
})

describe('a stream', () => {
  it('repeats for one seed and name, and differs for another', () =>
    fc.assert(
      fc.property(seeds, fc.string(), (seed, name) => {
        const draw = (seed: number, name: string) => {
          const random = makeRandom(seed, name)
          return [random.uniform(), random.uniform()]
        }
        expect(draw(seed, name)).toEqual(draw(seed, name))
        expect(draw(seed, `${name}x`)).not.toEqual(draw(seed, name))
        expect(draw((seed + 1) % 2_147_483_648, name)).not.toEqual(draw(seed, name))
      }),
    ))

  it('is uniform in [0, 1)', () => {
    const random = makeRandom(1, 'test')
    const counts = new Float64Array(10)
    for (let i = 0; i < 100_000; i++) {
      const cell = Math.floor(random.uniform() * 10)
      counts[cell] = (counts[cell] ?? 0) + 1
    }
    // 10,000 ± 95 a cell; chi-squared with 9 degrees of freedom exceeds 33.7 once in 10,000 seeds
    expect(counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)).toBeLessThan(33.7)
  })

  it('is normal with mean 0 and deviation 1', () => {
    const random = makeRandom(2, 'test')
    const values = Float64Array.from({ length: 100_000 }, () => random.normal())
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length
    const inside = values.filter((value) => Math.abs(value) < 1).length / values.length
    expect(Math.abs(mean)).toBeLessThan(0.013) // 4 / √100,000
    expect(Math.abs(variance - 1)).toBeLessThan(0.018) // 4 · √(2 / 100,000)
    expect(Math.abs(inside - 0.6827)).toBeLessThan(0.006)
  })

  it('permutes: every index once', () =>
    fc.assert(
      fc.property(seeds, fc.nat({ max: 200 }), (seed, size) => {
        const order = makeRandom(seed, 'order').permutation(size)
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, index) => index))
      }),
    ))

  it('gives each of the 6 orders of 3 things equally often', () => {
    const counts = new Map<string, number>()
    for (let seed = 0; seed < 6000; seed++) {
      const key = makeRandom(seed, 'order').permutation(3).join()
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    expect(counts.size).toBe(6)
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(120) // 4 deviations of 29
  })
})
