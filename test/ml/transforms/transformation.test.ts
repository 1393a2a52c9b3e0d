import { expect, it } from 'vitest'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import { clipByGlobalNorm, clipByValue } from '../../../src/ml/transforms/clipping.js'
import { chain, type GradientTransformation } from '../../../src/ml/transforms/transformation.js'
import { numberOf, tidily, toTensors, valuesOf } from '../tensors.js'

/** Doubles the gradients and counts how often. */
const doubling: GradientTransformation<number> = {
  name: 'doubling',
  init: () => 0,
  update: (grads, count) => ({
    grads: Object.fromEntries(Object.entries(grads).map(([name, grad]) => [name, tf.mul(grad, 2)])),
    state: count + 1,
    info: { count: tf.scalar(count + 1) },
  }),
}

it('applies transformations in order and keeps the state of each', () =>
  tidily(() => {
    const params = toTensors({ w: Float32Array.of(3, 4) })
    const chained = chain(clipByValue(3), doubling, clipByGlobalNorm(1))
    expect(chained.name).toBe('value → doubling → global-norm')
    const context = { params, step: tf.scalar(0, 'int32') }
    const first = chained.update(params, chained.init(params), context)
    const second = chained.update(params, first.state, context)
    // (3, 4) → (3, 3) → (6, 6) → (6, 6) / √72
    expect(valuesOf(second.grads).w?.[0]).toBeCloseTo(Math.SQRT1_2, 6)
    expect(second.state).toEqual([null, 2, null])
    expect(numberOf(second.info.count)).toBe(2)
    expect(numberOf(second.info.gradientNorm)).toBeCloseTo(Math.sqrt(72), 5) // the last in the chain wins
  }))
