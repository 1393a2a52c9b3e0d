import type { Tensor } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'
import { filled, type Optimizer, type Shaped, slotsLike, tensorAt } from './optimizer.js'

/**
 * Stochastic gradient descent as in Keras: w ← w − lr · g; with momentum v ← momentum · v − lr · g and w ← w + v, or, with Nesterov,
 * w ← w + momentum · v − lr · g. Slots: `<param>/momentum` (v) if momentum > 0.
 * @see Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013.
 */
export function makeSgd({ momentum, nesterov }: { momentum: number; nesterov: boolean }): Optimizer {
  const slotShapes = (params: Shaped) => (momentum > 0 ? slotsLike(params, 'momentum') : {})
  return {
    slotShapes,
    init: (params) => filled(slotShapes(params), 0),
    update({ params, grads, slots, learningRate }) {
      const nextParams: Record<string, Tensor> = {}
      const nextSlots: Record<string, Tensor> = {}
      for (const [name, param] of Object.entries(params)) {
        const change = tf.mul(tensorAt(grads, name), learningRate)
        if (momentum === 0) {
          nextParams[name] = tf.sub(param, change)
          continue
        }
        const slot = `${name}/momentum`
        const velocity = tf.sub(tf.mul(tensorAt(slots, slot), momentum), change)
        nextSlots[slot] = velocity
        nextParams[name] = nesterov
          ? tf.add(param, tf.sub(tf.mul(velocity, momentum), change))
          : tf.add(param, velocity)
      }
      return { params: nextParams, slots: nextSlots }
    },
  }
}
