import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { zeroNonFinite } from '../../../src/ml/transforms/non-finite.js'
import { gradientTrees, numberOf, tidily, toTensors, valuesOf } from '../tensors.js'

describe('zeroNonFinite', () => {
  it('leaves finite gradients as they are', () =>
    fc.assert(
      fc.property(gradientTrees({ min: -37, max: 37 }), (values) =>
        tidily(() => {
          const { grads, info } = zeroNonFinite(toTensors(values))
          expect(valuesOf(grads)).toEqual(values)
          expect(numberOf(info.nonFinite)).toBe(0)
        }),
      ),
    ))

  it('puts 0 in place of NaN and infinities and counts them for each tensor', () =>
    tidily(() => {
      const values = { a: Float32Array.of(1, Number.NaN, Number.NEGATIVE_INFINITY), b: Float32Array.of(2) }
      const { grads, info } = zeroNonFinite(toTensors(values))
      expect(valuesOf(grads)).toEqual({ a: Float32Array.of(1, 0, 0), b: Float32Array.of(2) })
      expect([...info.tensorNonFinite.dataSync(), numberOf(info.nonFinite)]).toEqual([2, 0, 2])
    }))
})
