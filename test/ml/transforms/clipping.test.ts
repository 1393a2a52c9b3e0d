import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ClippingSpec } from '../../../src/contracts/clipping.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import { clipByGlobalNorm, makeClipping } from '../../../src/ml/transforms/clipping.js'
import { exactNorm, gradientTrees, tidily, toTensors, type Values, valuesOf } from '../tensors.js'

const onNonFinite = 'fail' as const

function clip(spec: ClippingSpec, values: Values) {
  return tidily(() => {
    const params = toTensors(values)
    const { grads, info } = makeClipping(spec).update(params, null, { params, step: tf.scalar(0, 'int32') })
    const { tensorNorms, gradientNorm, clipScale, clipped } = valuesOf(info)
    return {
      grads: valuesOf(grads),
      tensorNorms: tensorNorms ?? new Float32Array(),
      gradientNorm: gradientNorm?.[0] ?? Number.NaN,
      clipScale: clipScale?.[0] ?? Number.NaN,
      clipped: clipped?.[0] ?? Number.NaN,
    }
  })
}

const bounds = () => fc.integer({ min: -4, max: 4 }).map((power) => 1.7 * 10 ** power)
const orders = () => fc.constantFrom(1 as const, 2 as const, 3 as const, 'infinity' as const)
const specs = (): fc.Arbitrary<ClippingSpec> =>
  fc.oneof(
    fc.constant<ClippingSpec>({ mode: 'none', onNonFinite }),
    bounds().map((maxValue) => ({ mode: 'value' as const, maxValue, onNonFinite })),
    bounds().map((maxNorm) => ({ mode: 'norm' as const, maxNorm, onNonFinite })),
    fc
      .record({ maxNorm: bounds(), p: orders() })
      .map((rest) => ({ mode: 'global-norm' as const, ...rest, onNonFinite })),
  )
const wide = { min: -30, max: 30 }

describe('every mode', () => {
  it('turns no element around and makes none larger', () =>
    fc.assert(
      fc.property(specs(), gradientTrees(wide), (spec, values) => {
        const { grads } = clip(spec, values)
        for (const [name, list] of Object.entries(values)) {
          list.forEach((before, i) => {
            const after = grads[name]?.[i] ?? Number.NaN
            expect(Math.abs(after)).toBeLessThanOrEqual(Math.abs(before))
            expect(after * Math.sign(before)).toBeGreaterThanOrEqual(0)
          })
        }
      }),
    ))

  it('changes nothing, not a bit, unless it says that it clipped', () =>
    fc.assert(
      fc.property(specs(), gradientTrees(), (spec, values) => {
        const result = clip(spec, values)
        if (result.clipped === 1) expect(result.clipScale).toBeLessThanOrEqual(1)
        else {
          expect(result.clipped).toBe(0)
          expect(result.clipScale).toBe(1)
          expect(result.grads).toEqual(values)
        }
      }),
    ))

  it('records the L2 norm before clipping, of all and of each', () =>
    fc.assert(
      fc.property(specs(), gradientTrees(), (spec, values) => {
        const { gradientNorm, tensorNorms } = clip(spec, values)
        const exact = exactNorm(values, 2)
        expect(Math.abs(gradientNorm - exact)).toBeLessThanOrEqual(2e-6 * exact)
        Object.values(values).forEach((list, i) => {
          const own = exactNorm({ list }, 2)
          expect(Math.abs((tensorNorms[i] ?? Number.NaN) - own)).toBeLessThanOrEqual(2e-6 * own + 1e-7 * exact)
        })
      }),
    ))

  it('records a norm that is not finite for the gradients that are not, and for all together', () =>
    fc.assert(
      fc.property(
        specs(),
        gradientTrees(),
        fc.nat(),
        fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
        (spec, values, pick, bad) => {
          const names = Object.keys(values)
          const victim = names[pick % names.length] ?? ''
          values[victim]?.fill(bad, 0, 1)
          const { gradientNorm, tensorNorms } = clip(spec, values)
          expect(gradientNorm).toBeNaN()
          expect(names.filter((_, i) => !Number.isFinite(tensorNorms[i]))).toEqual([victim])
        },
      ),
    ))
})

describe('value', () => {
  it('never leaves an element above the bound', () =>
    fc.assert(
      fc.property(bounds(), gradientTrees(wide), (maxValue, values) => {
        const { grads } = clip({ mode: 'value', maxValue, onNonFinite }, values)
        for (const list of Object.values(grads))
          for (const x of list) expect(Math.abs(x)).toBeLessThanOrEqual(Math.fround(maxValue))
      }),
    ))

  it('cuts (3, −4) at 2 to (2, −2): scale √8 / 5', () => {
    const { grads, clipScale, clipped } = clip(
      { mode: 'value', maxValue: 2, onNonFinite },
      { w: Float32Array.of(3, -4) },
    )
    expect(grads.w).toEqual(Float32Array.of(2, -2))
    expect(clipScale).toBeCloseTo(Math.sqrt(8) / 5, 6)
    expect(clipped).toBe(1)
  })
})

describe('norm', () => {
  it('never leaves the norm of a tensor above the bound', () =>
    fc.assert(
      fc.property(bounds(), gradientTrees(wide), (maxNorm, values) => {
        const { grads } = clip({ mode: 'norm', maxNorm, onNonFinite }, values)
        for (const list of Object.values(grads))
          expect(exactNorm({ list }, 2)).toBeLessThanOrEqual(maxNorm * (1 + 2e-6))
      }),
    ))

  it('scales each tensor by itself: (3, 4) at bound 1 by 1/5, (0.5) not at all', () => {
    const { grads, clipScale } = clip(
      { mode: 'norm', maxNorm: 1, onNonFinite },
      { a: Float32Array.of(3, 4), b: Float32Array.of(0.5) },
    )
    expect(grads.a?.[0]).toBeCloseTo(0.6, 6)
    expect(grads.b).toEqual(Float32Array.of(0.5))
    expect(clipScale).toBeCloseTo(0.2, 6)
  })
})

describe('global-norm', () => {
  const globalNorm = (maxNorm: number, p: 1 | 2 | 3 | 'infinity' = 2) => ({
    mode: 'global-norm' as const,
    maxNorm,
    p,
    onNonFinite,
  })

  it('never leaves the norm above the bound, whatever the magnitudes', () =>
    fc.assert(
      fc.property(bounds(), orders(), gradientTrees({ min: -37, max: 37 }), (maxNorm, p, values) => {
        const { grads } = clip(globalNorm(maxNorm, p), values)
        const order = p === 'infinity' ? Number.POSITIVE_INFINITY : p
        expect(exactNorm(grads, order)).toBeLessThanOrEqual(maxNorm * (1 + 2e-6))
      }),
    ))

  it('keeps the direction: all elements share one factor', () =>
    fc.assert(
      fc.property(bounds(), orders(), gradientTrees(), (maxNorm, p, values) => {
        const { grads, clipScale } = clip(globalNorm(maxNorm, p), values)
        for (const [name, list] of Object.entries(values)) {
          list.forEach((x, i) => {
            expect(Math.abs((grads[name]?.[i] ?? Number.NaN) - x * clipScale)).toBeLessThanOrEqual(
              1e-6 * Math.abs(x * clipScale) + 1e-37,
            )
          })
        }
      }),
    ))

  it('scales (3, 4) by 1/5 at bound 1', () => {
    // ‖(3, 4)‖ = 5
    const { grads, clipScale, gradientNorm } = clip(globalNorm(1), { a: Float32Array.of(3), b: Float32Array.of(4) })
    expect(grads.a?.[0]).toBeCloseTo(0.6, 6)
    expect(grads.b?.[0]).toBeCloseTo(0.8, 6)
    expect(clipScale).toBeCloseTo(0.2, 6)
    expect(gradientNorm).toBe(5)
  })

  it('changes nothing at a norm equal to the bound', () => {
    expect(clip(globalNorm(5), { w: Float32Array.of(3, 4) })).toMatchObject({ clipped: 0, clipScale: 1 })
  })

  it('is exact for 1e30, where squares overflow, and where the scale is no normal float', () => {
    const { grads } = clip(globalNorm(1), { w: Float32Array.of(1e30, 1e30) })
    expect(grads.w?.[0]).toBeCloseTo(Math.SQRT1_2, 6)
    const { grads: largest } = clip(globalNorm(1), { w: Float32Array.of(3.4e38, -3.4e38) })
    expect(largest.w?.[1]).toBeCloseTo(-Math.SQRT1_2, 6)
  })

  it('keeps zero gradients zero', () => {
    expect(clip(globalNorm(1), { w: Float32Array.of(0, 0) }).grads.w).toEqual(Float32Array.of(0, 0))
  })
})

it.each([0, -1, 1e-46, 1e-38, 1e39, Number.NaN, Number.POSITIVE_INFINITY])('refuses the bound %d', (bound) => {
  expect(() => clipByGlobalNorm(bound)).toThrow(/maxNorm must be a finite float32 of at least/)
})
