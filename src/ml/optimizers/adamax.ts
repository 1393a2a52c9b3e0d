import type { OptimizerOf } from '../../contracts/optimizer.js'
import { tf } from '../engine/tensorflow.js'
import { meanTowards } from './moments.js'
import { filled, type Optimizer, type Shaped, slotsLike, tensorAt, updateEach } from './optimizer.js'

type AdamaxSpec = Pick<OptimizerOf<'adamax'>, 'beta1' | 'beta2' | 'epsilon'>

const BETA1_POWER = 'adamax/beta1-power'
const POWERS = { [BETA1_POWER]: { shape: [] } }

/**
 * Adamax as in Keras, step t from 1: m ← m + (g − m)(1 − β₁), u ← max(β₂ · u, |g|), w ← w − lr / (1 − β₁ᵗ) · m / (u + ε).
 * Slots: `<param>/m`, `<param>/u`, and β₁ᵗ as a running float32 product.
 * @see Kingma, Ba, "Adam: a method for stochastic optimization", 2015, section 7.1.
 */
export function makeAdamax({ beta1, beta2, epsilon }: AdamaxSpec): Optimizer {
  const moments = (params: Shaped) => slotsLike(params, 'm', 'u')
  return {
    slotShapes: (params) => ({ ...moments(params), ...POWERS }),
    init: (params) => ({ ...filled(moments(params), 0), ...filled(POWERS, 1) }),
    update(input) {
      const power = tf.mul(tensorAt(input.slots, BETA1_POWER), beta1)
      const rate = tf.div(input.learningRate, tf.sub(1, power))
      const { params, slots } = updateEach(input, ['m', 'u'], (param, grad, slots) => {
        const m = meanTowards(slots.m, grad, beta1)
        const u = tf.maximum(tf.mul(slots.u, beta2), tf.abs(grad))
        return { param: tf.sub(param, tf.div(tf.mul(m, rate), tf.add(u, epsilon))), slots: { m, u } }
      })
      return { params, slots: { ...slots, [BETA1_POWER]: power } }
    },
  }
}
