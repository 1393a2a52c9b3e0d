import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OptimizerSpec } from '../../../src/contracts/optimizer.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { Tensors } from '../../../src/ml/engine/types.js'
import { makeOptimizer } from '../../../src/ml/optimizers/make-optimizer.js'
import { gradientTrees, tidily, toTensors, type Values, valuesOf } from '../tensors.js'
import { nameOf, SPECS, specOf } from './specs.js'

/** Slots before the first step, as tensors. */
function slotsOf(spec: OptimizerSpec, params: Tensors): Tensors {
  const stored = Object.entries(makeOptimizer(spec).init(params))
  return Object.fromEntries(stored.map(([name, { values, shape }]) => [name, tf.tensor(values, [...shape])]))
}

/** Parameters after each of the gradients, from zero. */
function descend(spec: OptimizerSpec, gradients: readonly Values[], rate = 0.1): Record<string, Float32Array>[] {
  return tidily(() => {
    const { update } = makeOptimizer(spec)
    const zeros = Object.entries(gradients[0] ?? {}).map(([name, list]) => [name, new Float32Array(list.length)])
    let params: Tensors = toTensors(Object.fromEntries(zeros))
    let slots = slotsOf(spec, params)
    const learningRate = tf.scalar(rate)
    return gradients.map((values) => {
      const next = update({ params, grads: toTensors(values), slots, learningRate })
      ;({ params, slots } = next)
      return valuesOf(params)
    })
  })
}

describe.each(SPECS.map((spec) => [nameOf(spec), spec] as const))('%s', (_, spec) => {
  it('takes its first step against the gradient, element by element', () =>
    fc.assert(
      fc.property(gradientTrees(), (values) => {
        const [after = {}] = descend(spec, [values])
        for (const [name, list] of Object.entries(values)) {
          list.forEach((grad, i) => {
            expect(-Math.sign(after[name]?.[i] ?? Number.NaN) * Math.sign(grad)).toBeGreaterThanOrEqual(0)
          })
        }
      }),
      { numRuns: 25 },
    ))

  it('leaves parameters alone that never had a gradient', () => {
    const gradients = Array.from({ length: 5 }, () => ({ w: Float32Array.of(0, 1) }))
    for (const { w } of descend(spec, gradients)) {
      expect(w?.[0]).toBe(0)
      expect(w?.[1]).toBeLessThan(0)
    }
  })

  it('stays finite for gradients of 1e-18 to 1e9, also where a whole row has none', () =>
    tidily(() => {
      const { update } = makeOptimizer(spec)
      let params: Tensors = { w: tf.zeros([3, 2]), b: tf.zeros([2]) }
      let slots = slotsOf(spec, params)
      for (const size of [1e9, 1e-18, 1, 1e9]) {
        const grads = { w: tf.tensor2d([0, 0, size, -size, 1e-18, 0], [3, 2]), b: tf.tensor1d([size, 0]) }
        ;({ params, slots } = update({ params, grads, slots, learningRate: tf.scalar(0.1) }))
      }
      for (const values of Object.values(valuesOf({ ...params, ...slots }))) {
        expect(values.every(Number.isFinite)).toBe(true)
      }
    }))

  it('gives the slots that it announces, by name and shape', () =>
    tidily(() => {
      const { update, slotShapes, init } = makeOptimizer(spec)
      const params: Tensors = { 'a/kernel': tf.ones([2, 3, 4]), 'a/bias': tf.ones([4]), scale: tf.scalar(1) }
      const slots = slotsOf(spec, params)
      const next = update({ params, grads: params, slots, learningRate: tf.scalar(0.1) })
      const shapesOf = (named: Readonly<Record<string, { shape: readonly number[] }>>) =>
        Object.fromEntries(Object.entries(named).map(([name, { shape }]) => [name, [...shape]]))
      expect(shapesOf(next.slots)).toEqual(shapesOf(slotShapes(params)))
      expect(shapesOf(init(params))).toEqual(shapesOf(slotShapes(params)))
      expect(shapesOf(next.params)).toEqual(shapesOf(params))
    }))

  it('keeps removed weights at 0 when masks multiply the slots of the parameter, as training does', () =>
    tidily(() => {
      const { update } = makeOptimizer(spec)
      const mask = tf.tensor2d([1, 0, 0, 1, 1, 0], [3, 2])
      let params: Tensors = { w: tf.mul(tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]), mask) }
      let slots = slotsOf(spec, params)
      for (let step = 0; step < 3; step++) {
        slots = Object.fromEntries(
          Object.entries(slots).map(([name, slot]) => [name, name.startsWith('w/') ? tf.mul(slot, mask) : slot]),
        )
        const grads = { w: tf.mul(tf.fill([3, 2], 0.5), mask) }
        ;({ params, slots } = update({ params, grads, slots, learningRate: tf.scalar(0.1) }))
      }
      const { w = [] } = valuesOf(params)
      expect([w[1], w[2], w[5]].map((value) => Math.abs(value ?? Number.NaN))).toEqual([0, 0, 0])
      expect([w[0], w[3], w[4]].every((value) => Number.isFinite(value))).toBe(true)
    }))

  it('makes no tensor that it does not give back', () => {
    const before = tf.memory().numTensors
    descend(spec, [{ w: Float32Array.of(1) }])
    expect(tf.memory().numTensors).toBe(before)
  })
})

it('all kinds of the contract are in the list above', () => {
  const kinds = OptimizerSpec.anyOf.map((schema) => schema.properties.kind.const)
  expect([...new Set(SPECS.map(({ kind }) => kind))].sort()).toEqual([...kinds].sort())
})

describe('on the gradients 1, 1 at learning rate 0.1, from 0', () => {
  const one = [1, 1].map((g) => ({ w: Float32Array.of(g) }))
  const expectPath = (fields: Record<string, unknown>, [first, second]: [number, number], digits = 6) => {
    const path = descend(specOf(fields), one).map(({ w }) => w?.[0] ?? Number.NaN)
    expect(path[0]).toBeCloseTo(first, digits)
    expect(path[1]).toBeCloseTo(second, digits)
  }

  it('plain SGD goes to −0.1, −0.2', () => {
    expectPath({ kind: 'sgd' }, [-0.1, -0.2])
  })

  it('momentum 0.9: v = −0.1, −0.19; w = −0.1, −0.29', () => {
    expectPath({ kind: 'sgd', momentum: 0.9 }, [-0.1, -0.29])
  })

  it('Nesterov: w = 0.9 · −0.1 − 0.1 = −0.19, then −0.19 + 0.9 · −0.19 − 0.1 = −0.461', () => {
    expectPath({ kind: 'sgd', momentum: 0.9, nesterov: true }, [-0.19, -0.461])
  })

  it('Adam and AMSGrad move by about the learning rate whatever the size of the gradient', () => {
    expectPath({ kind: 'adam' }, [-0.1, -0.2], 5)
    expectPath({ kind: 'adam', amsgrad: true }, [-0.1, -0.2], 5)
    expect(descend(specOf({ kind: 'adam' }), [{ w: Float32Array.of(0.1) }])[0]?.w?.[0]).toBeCloseTo(-0.1, 4)
  })

  it('RMSprop, ρ = 0.75: v = 1/4, 7/16; w = −0.1 · 2, then −0.2 − 0.1 · 4 / √7', () => {
    expectPath({ kind: 'rmsprop', rho: 0.75 }, [-0.2, -0.2 - 0.4 / Math.sqrt(7)])
  })

  it('centered RMSprop, ρ = 0.5: v − a² = 1/2 − 1/4 = 1/4, 3/4 − 9/16 = 3/16; w = −0.2, then −0.2 − 0.4 / √3', () => {
    expectPath({ kind: 'rmsprop', rho: 0.5, centered: true }, [-0.2, -0.2 - 0.4 / Math.sqrt(3)])
  })

  it('Adagrad from 0: n = 1, 2; w = −0.1, then −0.1 − 0.1 / √2', () => {
    expectPath({ kind: 'adagrad', initialAccumulatorValue: 0 }, [-0.1, -0.1 - 0.1 / Math.SQRT2])
  })

  it('Adadelta, ρ = 0, ε = 1: d = 1 / √2, then √(1/2 + 1) / √2 = √3 / 2', () => {
    expectPath({ kind: 'adadelta', rho: 0, epsilon: 1 }, [-0.1 / Math.SQRT2, -0.1 / Math.SQRT2 - 0.05 * Math.sqrt(3)])
  })

  it('Adamax: u = 1 both times, m / (1 − β₁ᵗ) = 1', () => {
    expectPath({ kind: 'adamax' }, [-0.1, -0.2])
  })

  it('Nadam, β₁ = 0: m̂ = g, so that it is RMSprop with bias correction', () => {
    expectPath({ kind: 'nadam', beta1: 0 }, [-0.1, -0.2], 5)
  })

  it('Lion moves by the learning rate', () => {
    expectPath({ kind: 'lion' }, [-0.1, -0.2])
  })

  it('FTRL, n₀ = 1: √n = √2, √3; z = 1, then 1 + 1 − (√3 − √2) / 0.1 · w; w = −0.1 · z / √n', () => {
    const first = -0.1 / Math.SQRT2
    const z = 2 - ((Math.sqrt(3) - Math.SQRT2) / 0.1) * first
    expectPath({ kind: 'ftrl', initialAccumulatorValue: 1 }, [first, (-0.1 * z) / Math.sqrt(3)])
  })

  it('FTRL with l1 = 1 leaves the weight at 0 as long as |z| ≤ 1, which is one step', () => {
    const [first, second] = descend(specOf({ kind: 'ftrl', l1: 1 }), one)
    expect(first?.w?.[0]).toBe(0)
    expect(second?.w?.[0]).toBeLessThan(0)
  })

  it('Adafactor: u = 1; the first step is 0.1 · ε₂ = 1e-4, the second the same, as rms(w) is below ε₂ = 1e-3', () => {
    expectPath({ kind: 'adafactor' }, [-1e-4, -2e-4], 9)
  })
})

it('centered RMSprop takes a variance that rounding makes negative as 0, where Keras gives NaN', () => {
  const same = Array.from({ length: 200 }, () => ({ w: Float32Array.of(1000.1, 33.3, 7777.7) }))
  const last = descend(specOf({ kind: 'rmsprop', centered: true }), same, 1e-6).at(-1)
  expect(last?.w?.every(Number.isFinite)).toBe(true)
})
