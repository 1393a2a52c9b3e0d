import type { OptimizerOf } from '../../contracts/optimizer.js'
import { tf } from '../engine/tensorflow.js'
import { meanOf, overRoot } from './moments.js'
import { filled, type Optimizer, type Shaped, slotsLike, updateEach } from './optimizer.js'

/**
 * Adadelta as in Keras: a ← ρ · a + (1 − ρ) · g², d = g · √(b + ε) / √(a + ε), b ← ρ · b + (1 − ρ) · d², w ← w − lr · d; the method as published
 * has lr = 1. Slots: `<param>/gradient` (a), `<param>/change` (b).
 * @see Zeiler, "ADADELTA: an adaptive learning rate method", 2012.
 */
export function makeAdadelta({ rho, epsilon }: Pick<OptimizerOf<'adadelta'>, 'rho' | 'epsilon'>): Optimizer {
  const slotShapes = (params: Shaped) => slotsLike(params, 'gradient', 'change')
  return {
    slotShapes,
    init: (params) => filled(slotShapes(params), 0),
    update: (input) =>
      updateEach(input, ['gradient', 'change'], (param, grad, slots) => {
        const gradient = meanOf(slots.gradient, tf.square(grad), rho)
        const size = tf.sqrt(tf.add(slots.change, epsilon))
        const step = overRoot(tf.mul(size, grad), tf.add(gradient, epsilon))
        const change = meanOf(slots.change, tf.square(step), rho)
        return { param: tf.sub(param, tf.mul(step, input.learningRate)), slots: { gradient, change } }
      }),
  }
}
