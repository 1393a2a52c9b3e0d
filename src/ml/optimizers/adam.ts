import type { Tensor } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'
import { filled, type Optimizer, type Shaped, slotsLike, tensorAt } from './optimizer.js'

const BETA1_POWER = 'adam/beta1-power'
const BETA2_POWER = 'adam/beta2-power'
const POWERS = { [BETA1_POWER]: { shape: [] }, [BETA2_POWER]: { shape: [] } }

/**
 * Adam as in Keras, step t from 1: m ← m + (g − m)(1 − β₁), v ← v + (g² − v)(1 − β₂),
 * w ← w − lr · √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε). Slots: `<param>/m`, `<param>/v`, and the powers βᵗ as running float32 products.
 * @see Kingma, Ba, "Adam: a method for stochastic optimization", 2015 (the form before section 2.1, where ε is "ε hat").
 */
export function makeAdam({ beta1, beta2, epsilon }: { beta1: number; beta2: number; epsilon: number }): Optimizer {
  const moments = (params: Shaped) => slotsLike(params, 'm', 'v')
  return {
    slotShapes: (params) => ({ ...moments(params), ...POWERS }),
    init: (params) => ({ ...filled(moments(params), 0), ...filled(POWERS, 1) }),
    update({ params, grads, slots, learningRate }) {
      const power1 = tf.mul(tensorAt(slots, BETA1_POWER), beta1)
      const power2 = tf.mul(tensorAt(slots, BETA2_POWER), beta2)
      const rate = tf.div(tf.mul(learningRate, tf.sqrt(tf.sub(1, power2))), tf.sub(1, power1))
      const nextParams: Record<string, Tensor> = {}
      const nextSlots: Record<string, Tensor> = { [BETA1_POWER]: power1, [BETA2_POWER]: power2 }
      for (const [name, param] of Object.entries(params)) {
        const grad = tensorAt(grads, name)
        const oldM = tensorAt(slots, `${name}/m`)
        const oldV = tensorAt(slots, `${name}/v`)
        const m = tf.add(oldM, tf.mul(tf.sub(grad, oldM), 1 - beta1))
        const v = tf.add(oldV, tf.mul(tf.sub(tf.square(grad), oldV), 1 - beta2))
        nextSlots[`${name}/m`] = m
        nextSlots[`${name}/v`] = v
        nextParams[name] = tf.sub(param, tf.div(tf.mul(m, rate), tf.add(tf.sqrt(v), epsilon)))
      }
      return { params: nextParams, slots: nextSlots }
    },
  }
}
