import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import { ACTIVATIONS, type ActivationName } from '../../../src/contracts/layers/fields.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import { ACTIVATION_FUNCTIONS, scaledElu } from '../../../src/ml/models/activations.js'
import { modelOf, run } from './scene.js'

const activated = (name: ActivationName, x: number): number =>
  tf.tidy(() => ACTIVATION_FUNCTIONS[name](tf.tensor2d([[x]])).dataSync()[0] ?? Number.NaN)

describe.each(ACTIVATIONS)('activation %s', (name) => {
  it('has the gradient of its values', () => {
    // Away from the kinks at −3, −1, 0, 1, 3 and 6.
    const points = [-4.2, -2.1, -0.7, -0.2, 0.3, 0.8, 1.7, 3.6, 6.8]
    const weights = points.map((_, index) => ((index * 7) % 5) - 1.5)
    tf.tidy(() => {
      const loss = (x: Tensor) => tf.sum(tf.mul(ACTIVATION_FUNCTIONS[name](x), tf.tensor2d([weights]))) as Scalar
      const gradient = tf
        .grad(loss)(tf.tensor2d([points]))
        .dataSync()
      const step = 1 / 64
      points.forEach((_, index) => {
        const at = (shift: number) => {
          const moved = points.map((x, i) => (i === index ? x + shift : x))
          return loss(tf.tensor2d([moved])).dataSync()[0] ?? Number.NaN
        }
        const slope = (at(step) - at(-step)) / (2 * step)
        const scale = Math.max(1, Math.abs(slope))
        expect(Math.abs((gradient[index] ?? Number.NaN) - slope) / scale).toBeLessThan(6e-3)
      })
    })
  })
})

describe('activations', () => {
  it.each([
    ['gelu', 1, 0.841345], // Φ(1)
    ['hard-sigmoid', 1, 4 / 6], // (1 + 3) / 6
    ['silu', 1, 0.731059], // 1 / (1 + e⁻¹)
    ['mish', 1, 0.865098], // tanh(ln(1 + e))
    ['leaky-relu', -1, -0.2],
    ['log-sigmoid', 0, -Math.LN2],
    ['hard-silu', 1, 4 / 6],
    ['softsign', -3, -0.75], // −3 / (1 + 3)
  ] as const)('%s(%d) = %d', (name, x, y) => {
    expect(activated(name, x)).toBeCloseTo(y, 5)
  })

  it('let NaN through', () => {
    const swallowed = ACTIVATIONS.filter((name) => !Number.isNaN(activated(name, Number.NaN)))
    expect(swallowed).toEqual([])
  })

  it('elu with another alpha has gradient alpha at 0', () => {
    tf.tidy(() => {
      const gradient = tf.grad((x) => tf.sum(scaledElu(x, 0.5)))(tf.tensor1d([-1, 0, 2]))
      expect([...gradient.dataSync()]).toEqual([expect.closeTo(0.5 * Math.exp(-1), 6), 0.5, 1])
    })
  })

  it('relu layers: threshold, slope and largest value', () => {
    const model = modelOf([4], { type: 'relu', maxValue: 2, negativeSlope: 0.1, threshold: 1 })
    // 0.1 · (−1 − 1), 0.1 · (0.5 − 1), 1.5, 2
    const { values } = run(model, {}, { shape: [1, 4], values: [-1, 0.5, 1.5, 3] })
    expect(values).toEqual([-0.2, -0.05, 1.5, 2].map((value) => expect.closeTo(value, 6)))
  })
})
