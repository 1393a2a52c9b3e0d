import type { OptimizerOf } from '../../contracts/optimizer.js'
import { tf } from '../engine/tensorflow.js'
import { meanTowards } from './moments.js'
import { filled, type Optimizer, type Shaped, slotsLike, tensorAt, updateEach } from './optimizer.js'

type NadamSpec = Pick<OptimizerOf<'nadam'>, 'beta1' | 'beta2' | 'epsilon'>

const MOMENTUM_DECAY = 0.96
const DECAY_POWER = 'nadam/decay-power'
const MOMENTUM_PRODUCT = 'nadam/momentum-product'
const BETA2_POWER = 'nadam/beta2-power'
const RUNNING = { [DECAY_POWER]: { shape: [] }, [MOMENTUM_PRODUCT]: { shape: [] }, [BETA2_POWER]: { shape: [] } }

/**
 * Adam with Nesterov momentum as in Keras, step t from 1, with the momentum schedule μₜ = β₁ · (1 − ½ · 0.96ᵗ):
 * m ← m + (g − m)(1 − β₁), v ← v + (g² − v)(1 − β₂), m̂ = μₜ₊₁ · m / (1 − μ₁ ⋯ μₜ₊₁) + (1 − μₜ) · g / (1 − μ₁ ⋯ μₜ),
 * w ← w − lr · m̂ / (√(v / (1 − β₂ᵗ)) + ε). Both sides of the last fraction are multiplied by √(1 − β₂ᵗ), a scalar, which saves a pass over v.
 * Slots: `<param>/m`, `<param>/v`, and 0.96ᵗ, μ₁ ⋯ μₜ, β₂ᵗ as running float32 products.
 * @see Dozat, "Incorporating Nesterov momentum into Adam", 2016.
 */
export function makeNadam({ epsilon, ...betas }: NadamSpec): Optimizer {
  // In float32 as in Keras: 1 − β₂ then agrees with 1 − β₂ᵗ; the first, taken in float64, would be off by up to 1e-5 of it.
  const [beta1, beta2] = [Math.fround(betas.beta1), Math.fround(betas.beta2)]
  const moments = (params: Shaped) => slotsLike(params, 'm', 'v')
  return {
    slotShapes: (params) => ({ ...moments(params), ...RUNNING }),
    init: (params) => ({ ...filled(moments(params), 0), ...filled(RUNNING, 1) }),
    update(input) {
      const decay = tf.mul(tensorAt(input.slots, DECAY_POWER), MOMENTUM_DECAY)
      const momentum = tf.mul(tf.sub(1, tf.mul(decay, 0.5)), beta1)
      const nextMomentum = tf.mul(tf.sub(1, tf.mul(decay, 0.5 * MOMENTUM_DECAY)), beta1)
      const product = tf.mul(tensorAt(input.slots, MOMENTUM_PRODUCT), momentum)
      const power = tf.mul(tensorAt(input.slots, BETA2_POWER), beta2)
      const correction = tf.sqrt(tf.sub(1, power))
      const rate = tf.mul(input.learningRate, correction)
      const ofMean = tf.div(tf.mul(rate, nextMomentum), tf.sub(1, tf.mul(product, nextMomentum)))
      const ofGradient = tf.div(tf.mul(rate, tf.sub(1, momentum)), tf.sub(1, product))
      const scaledEpsilon = tf.mul(correction, epsilon)
      const { params, slots } = updateEach(input, ['m', 'v'], (param, grad, slots) => {
        const m = meanTowards(slots.m, grad, beta1)
        const v = meanTowards(slots.v, tf.square(grad), beta2)
        const direction = tf.add(tf.mul(m, ofMean), tf.mul(grad, ofGradient))
        return { param: tf.sub(param, tf.div(direction, tf.add(tf.sqrt(v), scaledEpsilon))), slots: { m, v } }
      })
      const running = { [DECAY_POWER]: decay, [MOMENTUM_PRODUCT]: product, [BETA2_POWER]: power }
      return { params, slots: { ...slots, ...running } }
    },
  }
}
