import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { NormOrder } from '../../../src/ml/transforms/norms.js'
import { globalNorm } from '../../reference/norm.js'
import { exactNorm, gradientTrees, numberOf, tidily, toTensors, type Values } from '../tensors.js'

const norm = (values: Values, p: NormOrder) => tidily(() => numberOf(globalNorm(toTensors(values), p)))
const orders = () => fc.constantFrom<NormOrder>(1, 2, 3, 'infinity')
const order = (p: NormOrder) => (p === 'infinity' ? Number.POSITIVE_INFINITY : p)

describe('the norm of several tensors', () => {
  it('equals the formula in float64 over the whole range of float32', () =>
    fc.assert(
      fc.property(gradientTrees({ min: -36, max: 37 }), orders(), (values, p) => {
        const expected = exactNorm(values, order(p))
        // 1e-37: smaller numbers are subnormal, which TensorFlow takes for 0.
        expect(Math.abs(norm(values, p) - expected)).toBeLessThanOrEqual(2e-6 * expected + 1e-37)
      }),
    ))

  it('does not care how the elements are spread over tensors', () =>
    fc.assert(
      fc.property(gradientTrees(), orders(), (values, p) => {
        const together = { all: Float32Array.from(Object.values(values).flatMap((list) => [...list])) }
        expect(norm(together, p)).toBeCloseTo(norm(values, p), 3)
      }),
    ))

  it.each([
    [1, 7],
    [2, 5],
    [3, 91 ** (1 / 3)], // 27 + 64
    ['infinity', 4],
  ] as const)('of order %s of (3, −4) is %d', (p, expected) => {
    expect(norm({ a: Float32Array.of(3), b: Float32Array.of(-4) }, p)).toBeCloseTo(expected, 5)
  })

  it('does not care about the shape of a tensor', () =>
    fc.assert(
      fc.property(
        fc.float32Array({ minLength: 12, maxLength: 12, noNaN: true, noDefaultInfinity: true }),
        orders(),
        (list, p) => {
          tidily(() => {
            const flat = numberOf(globalNorm({ w: tf.tensor1d(list) }, p))
            for (const shape of [
              [3, 4],
              [12, 1],
              [1, 12],
              [2, 3, 1, 2],
            ]) {
              const shaped = numberOf(globalNorm({ w: tf.tensor(list, shape) }, p))
              expect(Math.abs(shaped - flat)).toBeLessThanOrEqual(1e-6 * flat)
            }
          })
        },
      ),
    ))

  it('is 0 for zeros and NaN for anything that is not finite', () => {
    for (const p of [1, 2, 3, 'infinity'] as const) {
      expect(norm({ a: Float32Array.of(0, 0), b: Float32Array.of(0) }, p)).toBe(0)
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        expect(norm({ a: Float32Array.of(1, 2), b: Float32Array.of(3, bad, 1) }, p)).toBeNaN()
      }
    }
  })

  it('gives a norm beyond float32 as the largest number: it is finite', () => {
    expect(norm({ a: Float32Array.of(3.4e38, 3.4e38) }, 2)).toBe(3.4028234663852886e38)
  })
})
