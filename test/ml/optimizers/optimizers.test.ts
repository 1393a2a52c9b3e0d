import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OptimizerSpec } from '../../../src/contracts/optimizer.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { Tensors } from '../../../src/ml/engine/types.js'
import { addL2 } from '../../../src/ml/optimizers/l2.js'
import { makeOptimizer } from '../../../src/ml/optimizers/make-optimizer.js'
import { gradientTrees, tidily, toTensors, type Values, valuesOf } from '../tensors.js'

const common = { l2: 0, schedule: { kind: 'constant' }, learningRate: 0.1 } as const
const sgd = (momentum: number, nesterov = false) => ({ kind: 'sgd', momentum, nesterov, ...common }) as const
const adam = { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-7, ...common } as const
const specs = (): fc.Arbitrary<OptimizerSpec> => fc.constantFrom<OptimizerSpec>(sgd(0), sgd(0.9), sgd(0.9, true), adam)

/** Parameters after each of the gradients, at learning rate 0.1, from zero. */
function descend(spec: OptimizerSpec, gradients: readonly Values[]): Record<string, Float32Array>[] {
  return tidily(() => {
    const { init, update } = makeOptimizer(spec)
    let params: Tensors = toTensors(
      Object.fromEntries(
        Object.entries(gradients[0] ?? {}).map(([name, list]) => [name, new Float32Array(list.length)]),
      ),
    )
    let slots: Tensors = Object.fromEntries(
      Object.entries(init(params)).map(([name, { values, shape }]) => [name, tf.tensor(values, [...shape])]),
    )
    const learningRate = tf.scalar(0.1)
    return gradients.map((values) => {
      const next = update({ params, grads: toTensors(values), slots, learningRate })
      expect(Object.keys(next.slots).sort()).toEqual(Object.keys(slots).sort())
      ;({ params, slots } = next)
      return valuesOf(params)
    })
  })
}

describe('every optimizer', () => {
  it('takes its first step against the gradient, element by element', () =>
    fc.assert(
      fc.property(specs(), gradientTrees(), (spec, values) => {
        const [after = {}] = descend(spec, [values])
        for (const [name, list] of Object.entries(values)) {
          list.forEach((grad, i) => {
            expect(-Math.sign(after[name]?.[i] ?? Number.NaN) * Math.sign(grad)).toBeGreaterThanOrEqual(0)
          })
        }
      }),
    ))

  it('leaves parameters alone that never had a gradient, and keeps their slots zero', () =>
    fc.assert(
      fc.property(specs(), fc.integer({ min: 1, max: 5 }), (spec, steps) => {
        const gradients = Array.from({ length: steps }, () => ({ w: Float32Array.of(0, 1) }))
        for (const { w } of descend(spec, gradients)) {
          expect(w?.[0]).toBe(0)
          expect(w?.[1]).toBeLessThan(0)
        }
      }),
    ))

  it('makes no tensor that it does not give back', () => {
    const { update } = makeOptimizer(adam)
    const before = tf.memory().numTensors
    tidily(() => {
      const params = toTensors({ w: Float32Array.of(1) })
      const slots = Object.fromEntries(
        Object.entries(makeOptimizer(adam).init(params)).map(([name, { values, shape }]) => [
          name,
          tf.tensor(values, [...shape]),
        ]),
      )
      update({ params, grads: params, slots, learningRate: tf.scalar(1) })
    })
    expect(tf.memory().numTensors).toBe(before)
  })
})

const one = [1, 1].map((g) => ({ w: Float32Array.of(g) }))
const path = (spec: OptimizerSpec) => descend(spec, one).map(({ w }) => w?.[0] ?? Number.NaN)

describe('on the gradients 1, 1 at learning rate 0.1', () => {
  it('plain SGD goes to −0.1, −0.2', () => {
    expect(path(sgd(0))[1]).toBeCloseTo(-0.2, 6)
  })

  it('momentum 0.9: v = −0.1, −0.19; w = −0.1, −0.29', () => {
    expect(path(sgd(0.9))[0]).toBeCloseTo(-0.1, 6)
    expect(path(sgd(0.9))[1]).toBeCloseTo(-0.29, 6)
  })

  it('Nesterov: w = 0.9 · −0.1 − 0.1 = −0.19, then −0.19 + 0.9 · −0.19 − 0.1 = −0.461', () => {
    expect(path(sgd(0.9, true))[0]).toBeCloseTo(-0.19, 6)
    expect(path(sgd(0.9, true))[1]).toBeCloseTo(-0.461, 6)
  })

  it('Adam moves by about the learning rate whatever the size of the gradient', () => {
    expect(path(adam)[0]).toBeCloseTo(-0.1, 5)
    expect(path(adam)[1]).toBeCloseTo(-0.2, 5)
    expect(descend(adam, [{ w: Float32Array.of(0.1) }])[0]?.w?.[0]).toBeCloseTo(-0.1, 4)
  })
})

it('L2 adds l2 · w to the gradients of kernels, not of biases', () =>
  tidily(() => {
    const params = toTensors({ 'a/kernel': Float32Array.of(2), 'a/bias': Float32Array.of(2) })
    const grads = toTensors({ 'a/kernel': Float32Array.of(1), 'a/bias': Float32Array.of(1) })
    expect(valuesOf(addL2(grads, params, 0.5))).toEqual({
      'a/kernel': Float32Array.of(2),
      'a/bias': Float32Array.of(1),
    })
    expect(addL2(grads, params, 0)).toBe(grads)
  }))
