import type { OptimizerOf } from '../../contracts/optimizer.js'
import { tf } from '../engine/tensorflow.js'
import { meanTowards } from './moments.js'
import { filled, type Optimizer, type Shaped, slotsLike, tensorAt, updateEach } from './optimizer.js'

type AdamSpec = Pick<OptimizerOf<'adam'>, 'beta1' | 'beta2' | 'epsilon' | 'amsgrad'>

const BETA1_POWER = 'adam/beta1-power'
const BETA2_POWER = 'adam/beta2-power'
const POWERS = { [BETA1_POWER]: { shape: [] }, [BETA2_POWER]: { shape: [] } }

/**
 * Adam as in Keras, step t from 1: m ← m + (g − m)(1 − β₁), v ← v + (g² − v)(1 − β₂),
 * w ← w − lr · √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε); AMSGrad: the largest v so far in place of v. AdamW is the same rule after weight decay.
 * Slots: `<param>/m`, `<param>/v`, `<param>/v-max`, and the powers βᵗ as running float32 products.
 * @see Kingma, Ba, "Adam: a method for stochastic optimization", 2015 (the form before section 2.1, where ε is "ε hat"); Reddi, Kale, Kumar,
 * "On the convergence of Adam and beyond", 2018 (AMSGrad); Loshchilov, Hutter, "Decoupled weight decay regularization", 2019 (AdamW).
 */
export function makeAdam({ beta1, beta2, epsilon, amsgrad }: AdamSpec): Optimizer {
  const names = ['m', 'v', ...(amsgrad ? (['v-max'] as const) : [])] as const
  const moments = (params: Shaped) => slotsLike(params, ...names)
  return {
    slotShapes: (params) => ({ ...moments(params), ...POWERS }),
    init: (params) => ({ ...filled(moments(params), 0), ...filled(POWERS, 1) }),
    update(input) {
      const power1 = tf.mul(tensorAt(input.slots, BETA1_POWER), beta1)
      const power2 = tf.mul(tensorAt(input.slots, BETA2_POWER), beta2)
      const rate = tf.div(tf.mul(input.learningRate, tf.sqrt(tf.sub(1, power2))), tf.sub(1, power1))
      const { params, slots } = updateEach(input, names, (param, grad, slots) => {
        const m = meanTowards(slots.m, grad, beta1)
        const v = meanTowards(slots.v, tf.square(grad), beta2)
        const largest = amsgrad ? tf.maximum(slots['v-max'], v) : v
        const step = tf.div(tf.mul(m, rate), tf.add(tf.sqrt(largest), epsilon))
        return { param: tf.sub(param, step), slots: { m, v, 'v-max': largest } }
      })
      return { params, slots: { ...slots, [BETA1_POWER]: power1, [BETA2_POWER]: power2 } }
    },
  }
}
