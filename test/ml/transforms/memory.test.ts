import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import { percentileOf } from '../../../src/ml/transforms/auto.js'
import { exactNorm, gradientTrees, numberOf, tidily, type Values } from '../tensors.js'
import { clipSteps, specOf } from './modes.js'

const scalar = (list: Float32Array | undefined) => list?.[0] ?? Number.NaN
const norms = (...list: number[]): Values[] => list.map((norm) => ({ w: Float32Array.of(norm) }))

describe('percentileOf', () => {
  it('lies between the smallest and the largest of the numbers that count, and grows with the percentile', () =>
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 0, max: 100 }),
        fc.integer({ min: 0, max: 100 }),
        (list, p, q) =>
          tidily(() => {
            const values = tf.tensor1d([...list.toSorted((a, b) => b - a), 0, 0])
            const at = (percentile: number) =>
              numberOf(percentileOf(values, tf.scalar(list.length), tf.scalar(percentile)))
            expect(at(0)).toBe(Math.min(...list))
            expect(at(100)).toBe(Math.max(...list))
            expect(at(Math.min(p, q))).toBeLessThanOrEqual(at(Math.max(p, q)) + 1e-3)
          }),
      ),
    ))

  it('is linear between neighbours: 25 % of (1, 3, 8) is 2', () => {
    // rank 0.25 · 2 = 0.5: half way from 1 to 3
    tidily(() => {
      expect(numberOf(percentileOf(tf.tensor1d([8, 3, 1, 0]), tf.scalar(3), tf.scalar(25)))).toBe(2)
    })
  })
})

describe('auto', () => {
  it('clips at the median of the last norms, the present one included, and forgets the oldest', () => {
    const steps = clipSteps(specOf({ mode: 'auto', percentile: 50, historySize: 3 }), norms(4, 2, 10, 8))
    // medians of (4), (4, 2), (4, 2, 10), (2, 10, 8)
    expect(steps.map(({ info }) => scalar(info.threshold))).toEqual([4, 3, 4, 8])
    expect(steps.map(({ grads }) => scalar(grads.w))).toEqual([4, 2, 4, 8])
    expect(steps[3]?.state['clipping/history']).toEqual(Float32Array.of(8, 10, 2))
    expect(steps[3]?.state['clipping/sorted']).toEqual(Float32Array.of(10, 8, 2))
    expect(scalar(steps[3]?.state['clipping/filled'])).toBe(3)
  })

  it('keeps the last norms in order, whatever they are', () =>
    fc.assert(
      fc.property(
        // Few different ones: equal norms come and go.
        fc.array(fc.nat(4), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 2, max: 5 }),
        (list, historySize) => {
          const steps = clipSteps(specOf({ mode: 'auto', percentile: 50, historySize }), norms(...list))
          steps.forEach(({ state }, step) => {
            const last = list.slice(0, step + 1).slice(-historySize)
            const padding = Array.from({ length: historySize - last.length }, () => 0)
            expect([...(state['clipping/history'] ?? [])]).toEqual([...last.toReversed(), ...padding])
            expect([...(state['clipping/sorted'] ?? [])]).toEqual([...last.toSorted((a, b) => b - a), ...padding])
          })
        },
      ),
    ))
})

describe('z-score', () => {
  it('takes mean and deviation of the warm-up, then clips spikes only', () => {
    const spec = specOf({ mode: 'z-score', warmupSteps: 2, zThreshold: 2, epsilon: 1e-30 })
    const [, warm, calm, spike] = clipSteps(spec, norms(0.5, 1.5, 1.2, 10))
    // mean 1, deviation 0.5
    expect(scalar(warm?.state['clipping/mean'])).toBeCloseTo(1, 6)
    expect(scalar(warm?.state['clipping/deviation'])).toBeCloseTo(0.5, 6)
    expect(scalar(calm?.info.clipped)).toBe(0) // z = 0.4
    expect(scalar(calm?.info.threshold)).toBeCloseTo(2, 6) // 1 + 2 · 0.5
    const mean = 1.006 // 0.97 · 1 + 0.03 · 1.2
    const deviation = Math.sqrt(0.97 * 0.25 + 0.03 * (1.2 - mean) ** 2)
    const z = (10 - mean) / deviation
    expect(scalar(spike?.grads.w)).toBeCloseTo(mean + (2 * 2 * deviation) / z, 5)
    expect(scalar(spike?.info.threshold)).toBeCloseTo(mean + (2 * 2 * deviation) / z, 5)
  })

  it.each([
    ['clips a spike after the warm-up', { warmupSteps: 2 }, 1],
    ['lets it pass in the warm-up', { warmupSteps: 3 }, 0],
    ['adds epsilon to the deviation: z = 9 / (0.5 + 10) is below 2', { warmupSteps: 2, epsilon: 10 }, 0],
  ])('%s', (_, fields, clipped) => {
    const steps = clipSteps(specOf({ mode: 'z-score', zThreshold: 2, ...fields }), norms(0.5, 1.5, 10))
    expect(scalar(steps[2]?.info.clipped)).toBe(clipped)
  })

  it('never exceeds maxNorm, not even in the warm-up', () =>
    fc.assert(
      fc.property(
        fc.array(gradientTrees(), { minLength: 1, maxLength: 1 }),
        fc.integer({ min: 2, max: 5 }),
        (list, n) => {
          const steps = Array.from({ length: n }, () => list[0] ?? {})
          for (const { grads } of clipSteps(specOf({ mode: 'z-score', warmupSteps: 2, maxNorm: 0.1 }), steps))
            expect(exactNorm(grads, 2)).toBeLessThanOrEqual(0.1 * (1 + 1e-5))
        },
      ),
    ))

  it('stays finite for norms of 1e30', () => {
    const steps = clipSteps(specOf({ mode: 'z-score', warmupSteps: 2 }), norms(1, 1e30, 1e30, 1))
    for (const { state } of steps)
      for (const list of Object.values(state)) expect(list.every(Number.isFinite)).toBe(true)
  })
})

describe('ada-gc', () => {
  it('clips each tensor at its own moving norm: (1, 10) after a warm-up at (1, 2) to (1, 2.1)', () => {
    const spec = specOf({ mode: 'ada-gc', warmupSteps: 1, maxNorm: 100, growthFactor: 1.05, beta: 0.5 })
    const tensors = (a: number, b: number) => ({ a: Float32Array.of(a), b: Float32Array.of(b) })
    const [, second] = clipSteps(spec, [tensors(1, 2), tensors(1, 10)])
    expect(scalar(second?.grads.a)).toBe(1)
    expect(scalar(second?.grads.b)).toBeCloseTo(2.1, 5)
    expect(second?.state['clipping/norms']?.[1]).toBeCloseTo((2 + 2.1) / 2, 5)
  })

  it('does not hold a tensor at 0 whose first gradient was 0', () => {
    const steps = clipSteps(specOf({ mode: 'ada-gc', warmupSteps: 1, maxNorm: 100 }), norms(0, 3, 4))
    expect(scalar(steps[1]?.grads.w)).toBe(3)
    expect(scalar(steps[2]?.grads.w)).toBeCloseTo(3.15, 5) // 1.05 · 3
  })
})
