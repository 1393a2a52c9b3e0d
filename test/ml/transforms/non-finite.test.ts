import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import { afterGradient, nextLossScale, zeroNonFinite } from '../../../src/ml/transforms/non-finite.js'
import { clipPerExample } from '../../../src/ml/transforms/per-example.js'
import { clipSpikes } from '../../../src/ml/transforms/spikes.js'
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

it('afterGradient lets the error after the last tolerated one in a row through', () => {
  let counts = { consecutive: 0, total: 0 }
  const applied = [true, false, false, false, true].map((finite) => {
    const { isApplied, ...next } = afterGradient(counts, finite, 2)
    counts = next
    return isApplied
  })
  expect(applied).toEqual([true, false, false, true, true])
  expect(counts).toEqual({ consecutive: 0, total: 3 })
})

it('nextLossScale doubles after finite steps in a row and halves after one that is not', () => {
  let loss = { scale: 8, finiteSteps: 0 }
  const scales = [true, true, true, false, true].map((finite) => {
    loss = nextLossScale(loss, finite, 2)
    return loss.scale
  })
  expect(scales).toEqual([8, 16, 16, 8, 8])
})

it('clipPerExample bounds the share of every example: at 1 (3, 4) gives (0.6, 0.8), (0.3, 0.4) itself', () =>
  tidily(() => {
    const { sums, norms, clipped } = clipPerExample({ w: tf.tensor2d([3, 4, 0.3, 0.4], [2, 2]) }, 1)
    expect(valuesOf(sums).w?.[0]).toBeCloseTo(0.9, 6)
    expect(valuesOf(sums).w?.[1]).toBeCloseTo(1.2, 6)
    expect([...norms.dataSync()]).toEqual([5, 0.5])
    expect(numberOf(clipped)).toBe(1)
  }))

it('clipSpikes cuts −10 at √(4 · 0.25) and leaves elements that have no second moment', () =>
  tidily(() => {
    const moments = { w: tf.tensor1d([0.25, 0.25, 0]) }
    const { grads, elements } = clipSpikes({ w: tf.tensor1d([-10, 0.5, 7]) }, moments, 4)
    expect(valuesOf(grads).w).toEqual(Float32Array.of(-1, 0.5, 7))
    expect(numberOf(elements)).toBe(1)
  }))
