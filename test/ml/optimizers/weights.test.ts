import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import { averagedParams, initialEma, updateEma } from '../../../src/ml/optimizers/ema.js'
import { addL2 } from '../../../src/ml/optimizers/l2.js'
import { decayWeights, isPenalized } from '../../../src/ml/optimizers/weight-decay.js'
import { gradientTrees, numberOf, tidily, toTensors, valuesOf } from '../tensors.js'

const both = { 'a/kernel': Float32Array.of(2), 'a/bias': Float32Array.of(2) }

it('penalties are for kernels and embeddings, not for biases, scales and offsets', () => {
  const kernels = ['a/kernel', 'rnn/recurrent-kernel', 'c/depthwise-kernel', 'c/pointwise-kernel', 'e/embeddings']
  const others = ['a/bias', 'norm/gamma', 'norm/beta', 'kernel/bias', 'norm/moving-mean']
  expect([...kernels, ...others].filter(isPenalized)).toEqual(kernels)
})

it('L2 adds l2 · w to the gradients of kernels, not of biases', () =>
  tidily(() => {
    const grads = toTensors({ 'a/kernel': Float32Array.of(1), 'a/bias': Float32Array.of(1) })
    expect(valuesOf(addL2(grads, toTensors(both), 0.5))).toEqual({
      'a/kernel': Float32Array.of(2),
      'a/bias': Float32Array.of(1),
    })
    expect(addL2(grads, grads, 0)).toBe(grads)
  }))

describe('weight decay', () => {
  it('takes lr · weightDecay of each kernel away: 2 − 0.5 · 0.1 · 2 = 1.9', () =>
    tidily(() => {
      const params = toTensors(both)
      const decayed = decayWeights(params, 0.1, tf.scalar(0.5))
      expect(numberOf(decayed['a/kernel'])).toBeCloseTo(1.9, 6)
      expect(decayed['a/bias']).toBe(params['a/bias'])
      expect(decayWeights(params, 0, tf.scalar(0.5))).toBe(params)
    }))

  it('takes it from the parameters named', () =>
    tidily(() => {
      const decayed = decayWeights(toTensors(both), 0.1, tf.scalar(0.5), ['a/bias'])
      expect(valuesOf(decayed)['a/kernel']).toEqual(both['a/kernel'])
      expect(numberOf(decayed['a/bias'])).toBeCloseTo(1.9, 6)
      expect(() => decayWeights(toTensors(both), 0.1, tf.scalar(0.5), ['b/bias'])).toThrow('b/bias')
    }))

  it('is right on average for shares that 1 − share would round: 1000 steps of 1e-6 leave e^−0.001', () =>
    tidily(() => {
      let params = toTensors({ 'a/kernel': Float32Array.from({ length: 1000 }, (_, i) => 1 + i / 1000) })
      const sum = () => numberOf(tf.sum(params['a/kernel'] ?? tf.scalar(0)))
      const before = sum()
      for (let i = 0; i < 1000; i++) params = decayWeights(params, 1e-3, tf.scalar(1e-3))
      expect((before - sum()) / before).toBeCloseTo(1 - Math.exp(-0.001), 5)
    }))
})

describe('averages of the weights', () => {
  const stored = (values: Readonly<Record<string, Float32Array>>) =>
    Object.fromEntries(
      Object.entries(values).map(([name, list]) => [
        name,
        { type: 'float32' as const, shape: [list.length], values: list },
      ]),
    )
  const tensors = (values: Readonly<Record<string, Float32Array>>) =>
    toTensors(
      Object.fromEntries(
        Object.entries(initialEma(stored(values))).map(([name, t]) => [name, Float32Array.from(t.values)]),
      ),
    )

  it('of weights that do not change are those weights', () =>
    fc.assert(
      fc.property(gradientTrees(), fc.double({ min: 0, max: 0.999, noNaN: true }), (values, decay) =>
        tidily(() => {
          const params = toTensors(values)
          const next = updateEma(tensors(values), params, decay)
          expect(valuesOf(averagedParams(next, Object.keys(values)))).toEqual(valuesOf(params))
        }),
      ),
    ))

  it('go from 2 to 4 by a tenth of the way at decay 0.9: 2.2, then 2.38', () =>
    tidily(() => {
      const params = toTensors({ w: Float32Array.of(4) })
      const first = updateEma(tensors({ w: Float32Array.of(2) }), params, 0.9)
      expect(numberOf(first['w/ema'])).toBeCloseTo(2.2, 6)
      expect(numberOf(updateEma(first, params, 0.9)['w/ema'])).toBeCloseTo(2.38, 6)
    }))

  it('start as copies of the weights', () => {
    const params = stored({ w: Float32Array.of(1, 2) })
    expect(initialEma(params)['w/ema']?.values).toEqual(Float32Array.of(1, 2))
    expect(initialEma(params)['w/ema']?.values).not.toBe(params.w?.values)
  })
})
