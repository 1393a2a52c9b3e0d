import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { exactNorm, gradientTrees, type Values } from '../tensors.js'
import { clipOnce, clipSteps, MODES, nameOf, specOf } from './modes.js'

const scalar = (list: Float32Array | undefined) => list?.[0] ?? Number.NaN
const bounds = () => fc.integer({ min: -4, max: 4 }).map((power) => 1.7 * 10 ** power)
const orders = () => fc.constantFrom(1 as const, 2 as const, 3 as const, 'infinity' as const)
const wide = { min: -30, max: 30 }
/** A few steps whose gradients have one form. */
const sequences = (exponent?: { min: number; max: number }) =>
  gradientTrees(exponent).chain((first) =>
    fc
      .array(fc.integer({ min: -20, max: 20 }), { minLength: 0, maxLength: 2 })
      .map((factors) => [first, ...factors.map((factor) => scaled(first, factor))]),
  )
const scaled = (values: Values, factor: number): Values =>
  Object.fromEntries(Object.entries(values).map(([name, list]) => [name, list.map((x) => x * factor)]))

// Each run is several steps of one of many modes.
const few = { numRuns: 40 }

describe.each(MODES.map((spec) => [nameOf(spec), spec] as const))('%s', (_, spec) => {
  it('turns no element around and makes none larger', () =>
    fc.assert(
      fc.property(sequences(wide), (steps) => {
        clipSteps(spec, steps).forEach(({ grads }, step) => {
          for (const [name, list] of Object.entries(steps[step] ?? {})) {
            list.forEach((before, i) => {
              const after = grads[name]?.[i] ?? Number.NaN
              expect(Math.abs(after)).toBeLessThanOrEqual(Math.abs(before))
              expect(after * Math.sign(before)).toBeGreaterThanOrEqual(0)
            })
          }
        })
      }),
      few,
    ))

  it('changes nothing, not a bit, unless it says that it clipped', () =>
    fc.assert(
      fc.property(sequences(), (steps) => {
        clipSteps(spec, steps).forEach(({ grads, info }, step) => {
          if (scalar(info.clipped) === 1) expect(scalar(info.clipScale)).toBeLessThanOrEqual(1)
          else {
            expect([scalar(info.clipped), scalar(info.clipScale)]).toEqual([0, 1])
            expect(grads).toEqual(steps[step])
          }
        })
      }),
      few,
    ))

  it('records norms before and after, scales, and where elements of a tensor differ in them the cosines', () =>
    fc.assert(
      fc.property(sequences(), (steps) => {
        clipSteps(spec, steps).forEach(({ grads, info }, step) => {
          const raw = steps[step] ?? {}
          const exact = exactNorm(raw, 2)
          const close = (actual: number, expected: number, slack = 0) =>
            expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-5 * Math.abs(expected) + slack + 1e-36)
          // With the unit that the largest element of all calls for, at least 2⁻⁴⁰, the square of one below 2⁻⁶³ is no normal float: 12 of them.
          const lost = 2 ** -23 * Math.sqrt(12) * exact
          close(scalar(info.gradientNorm), exact)
          close(scalar(info.gradientNormAfter), exactNorm(grads, 2), 1e-6 * exact)
          Object.entries(raw).forEach(([name, list], i) => {
            const norm = exactNorm({ list }, 2)
            const after = exactNorm({ list: grads[name] ?? list }, 2)
            close(info.tensorNorms?.[i] ?? Number.NaN, norm, lost)
            close(
              (info.tensorNorms?.[i] ?? Number.NaN) * (info.tensorScales?.[i] ?? Number.NaN),
              after,
              1e-6 * norm + lost,
            )
            if (info.tensorNormsAfter === undefined) return
            close(info.tensorNormsAfter[i] ?? Number.NaN, after, lost)
            if (list.some((x, at) => x !== grads[name]?.[at])) expect(info.tensorEngaged?.[i]).toBe(1)
            const expected = cosine({ list }, { list: grads[name] ?? list })
            expect(Math.abs((info.tensorCosines?.[i] ?? Number.NaN) - expected)).toBeLessThanOrEqual(1e-5)
          })
        })
      }),
      few,
    ))

  it('records a norm that is not finite for the gradients that are not, and for all together', () =>
    fc.assert(
      fc.property(
        gradientTrees(),
        fc.nat(),
        fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
        (values, pick, bad) => {
          const names = Object.keys(values)
          const victim = names[pick % names.length] ?? ''
          values[victim]?.fill(bad, 0, 1)
          const { info } = clipOnce(spec, values)
          expect(scalar(info.gradientNorm)).toBeNaN()
          expect(names.filter((_name, i) => !Number.isFinite(info.tensorNorms?.[i]))).toEqual([victim])
        },
      ),
      few,
    ))

  it('forgets a gradient that is not finite', () =>
    fc.assert(
      fc.property(gradientTrees(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY), (values, bad) => {
        const broken = Object.fromEntries(Object.entries(values).map(([name, list]) => [name, list.map(() => bad)]))
        const [first, second] = clipSteps(spec, [values, broken])
        expect(second?.state).toEqual(first?.state)
      }),
      few,
    ))

  it('keeps zero gradients zero, also after others', () => {
    const zero = { w: Float32Array.of(0, 0) }
    const steps = clipSteps(spec, [zero, { w: Float32Array.of(3, 4) }, zero], { w: Float32Array.of(1, 1) })
    for (const step of [0, 2]) expect(steps[step]?.grads).toEqual(zero)
  })

  it('leaves excluded layers alone, and does not count them in a norm', () => {
    if (spec.mode === 'none') return
    const rest = { 'hidden/kernel': Float32Array.of(3, 4), 'hidden/bias': Float32Array.of(2) }
    const output = { 'output/kernel': Float32Array.of(300, 400), 'output/bias': Float32Array.of(50) }
    const all = { 'output/kernel': output['output/kernel'], ...rest, 'output/bias': output['output/bias'] }
    const chosen = clipSteps({ ...spec, exclude: ['out*'] }, [all, scaled(all, 5), scaled(all, 2)])
    const alone = clipSteps(spec, [rest, scaled(rest, 5), scaled(rest, 2)])
    chosen.forEach(({ grads, info }, step) => {
      expect(grads).toMatchObject(scaled(output, [1, 5, 2][step] ?? 1))
      for (const [name, list] of Object.entries(alone[step]?.grads ?? {})) {
        list.forEach((x, i) => {
          expect(grads[name]?.[i]).toBeCloseTo(x, 4)
        })
      }
      expect([info.tensorScales?.[0], info.tensorScales?.[3]]).toEqual([1, 1])
    })
  })
})

function cosine(a: Values, b: Values): number {
  const lengths = exactNorm(a, 2) * exactNorm(b, 2)
  if (lengths === 0) return 1
  let dot = 0
  for (const [name, list] of Object.entries(a))
    for (const [i, x] of list.entries()) dot += x * (b[name]?.[i] ?? Number.NaN)
  return dot / lengths
}

describe('value', () => {
  it('never leaves an element above the bound', () =>
    fc.assert(
      fc.property(bounds(), gradientTrees(wide), (maxValue, values) => {
        for (const list of Object.values(clipOnce(specOf({ mode: 'value', maxValue }), values).grads))
          for (const x of list) expect(Math.abs(x)).toBeLessThanOrEqual(Math.fround(maxValue))
      }),
    ))

  it('cuts (3, −4, 1) at 2 to (2, −2, 1): two elements, norm √26 to 3, cosine (6 + 8 + 1) / (√26 · 3)', () => {
    const { grads, info } = clipOnce(specOf({ mode: 'value', maxValue: 2 }), { w: Float32Array.of(3, -4, 1) })
    expect(grads.w).toEqual(Float32Array.of(2, -2, 1))
    expect(scalar(info.clipScale)).toBeCloseTo(3 / Math.sqrt(26), 6)
    expect(scalar(info.tensorScales)).toBeCloseTo(3 / Math.sqrt(26), 6)
    expect([scalar(info.tensorEngaged), scalar(info.tensorClipped)]).toEqual([1, 2])
    expect(scalar(info.tensorCosines)).toBeCloseTo(15 / (Math.sqrt(26) * 3), 6)
  })
})

describe('norm and block-rms', () => {
  it('never leave the norm of a tensor above the bound, whatever the magnitudes', () =>
    fc.assert(
      fc.property(bounds(), gradientTrees({ min: -37, max: 37 }), (bound, values) => {
        const byNorm = clipOnce(specOf({ mode: 'norm', maxNorm: bound }), values).grads
        const byRms = clipOnce(specOf({ mode: 'block-rms', maxRms: bound }), values).grads
        for (const list of Object.values(byNorm)) expect(exactNorm({ list }, 2)).toBeLessThanOrEqual(bound * (1 + 2e-6))
        for (const list of Object.values(byRms))
          expect(exactNorm({ list }, 2) / Math.sqrt(list.length)).toBeLessThanOrEqual(bound * (1 + 2e-6))
      }),
    ))

  it('scale each tensor by itself: at norm 1 (3, 4) by 1/5, (0.5) not at all', () => {
    const values = { a: Float32Array.of(3, 4), b: Float32Array.of(0.5) }
    const { grads, info } = clipOnce(specOf({ mode: 'norm', maxNorm: 1 }), values)
    expect(grads.a?.[0]).toBeCloseTo(0.6, 6)
    expect(grads.b).toEqual(Float32Array.of(0.5))
    expect([...(info.tensorScales ?? [])]).toEqual([expect.closeTo(0.2, 6), 1])
  })
})

describe('global-norm', () => {
  const globalNorm = (maxNorm: number, p: 1 | 2 | 3 | 'infinity' = 2) => specOf({ mode: 'global-norm', maxNorm, p })

  it('never leaves the norm above the bound, whatever the magnitudes', () =>
    fc.assert(
      fc.property(bounds(), orders(), gradientTrees({ min: -37, max: 37 }), (maxNorm, p, values) => {
        const { grads } = clipOnce(globalNorm(maxNorm, p), values)
        const order = p === 'infinity' ? Number.POSITIVE_INFINITY : p
        expect(exactNorm(grads, order)).toBeLessThanOrEqual(maxNorm * (1 + 2e-6))
      }),
    ))

  it('keeps the direction: all elements share one factor', () =>
    fc.assert(
      fc.property(bounds(), orders(), gradientTrees(), (maxNorm, p, values) => {
        const { grads, info } = clipOnce(globalNorm(maxNorm, p), values)
        for (const [name, list] of Object.entries(values)) {
          list.forEach((x, i) => {
            const expected = x * scalar(info.clipScale)
            const difference = Math.abs((grads[name]?.[i] ?? Number.NaN) - expected)
            expect(difference).toBeLessThanOrEqual(1e-6 * Math.abs(expected) + 1e-37)
          })
        }
      }),
    ))

  it('scales (3, 4) by 1/5 at bound 1, and nothing at a norm equal to the bound', () => {
    const values = { a: Float32Array.of(3), b: Float32Array.of(4) } // ‖(3, 4)‖ = 5
    const { grads, info } = clipOnce(globalNorm(1), values)
    expect([scalar(grads.a), scalar(grads.b)]).toEqual([expect.closeTo(0.6, 6), expect.closeTo(0.8, 6)])
    expect(scalar(info.gradientNorm)).toBe(5)
    expect(clipOnce(globalNorm(5), values)).toMatchObject({ grads: values, info: { clipped: Float32Array.of(0) } })
  })

  it('is exact for 1e30, where squares overflow, and where the scale is no normal float', () => {
    const { grads } = clipOnce(globalNorm(1), { w: Float32Array.of(1e30, 1e30) })
    expect(grads.w?.[0]).toBeCloseTo(Math.SQRT1_2, 6)
    const { grads: largest } = clipOnce(globalNorm(1), { w: Float32Array.of(3.4e38, -3.4e38) })
    expect(largest.w?.[1]).toBeCloseTo(-Math.SQRT1_2, 6)
  })
})

it('refuses a selection that leaves nothing to clip', () => {
  const spec = specOf({ mode: 'norm', maxNorm: 1, include: ['conv*'] })
  expect(() => clipOnce(spec, { 'dense/kernel': Float32Array.of(1) })).toThrow(/leave no layer to clip/)
})
