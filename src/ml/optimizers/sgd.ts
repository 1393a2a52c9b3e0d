import type { OptimizerOf } from '../../contracts/optimizer.js'
import { tf } from '../engine/tensorflow.js'
import { filled, type Optimizer, type Shaped, slotsLike, updateEach } from './optimizer.js'

/**
 * Stochastic gradient descent as in Keras: w ← w − lr · g; with momentum v ← momentum · v − lr · g and w ← w + v, or, with Nesterov,
 * w ← w + momentum · v − lr · g. Slots: `<param>/momentum` (v) if momentum > 0.
 * @see Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013.
 */
export function makeSgd({ momentum, nesterov }: Pick<OptimizerOf<'sgd'>, 'momentum' | 'nesterov'>): Optimizer {
  const slotShapes = (params: Shaped) => (momentum > 0 ? slotsLike(params, 'momentum') : {})
  return {
    slotShapes,
    init: (params) => filled(slotShapes(params), 0),
    update(input) {
      const { learningRate } = input
      if (momentum === 0) {
        return updateEach(input, [], (param, grad) => ({ param: tf.sub(param, tf.mul(grad, learningRate)), slots: {} }))
      }
      return updateEach(input, ['momentum'], (param, grad, slots) => {
        const change = tf.mul(grad, learningRate)
        const velocity = tf.sub(tf.mul(slots.momentum, momentum), change)
        const step = nesterov ? tf.sub(tf.mul(velocity, momentum), change) : velocity
        return { param: tf.add(param, step), slots: { momentum: velocity } }
      })
    },
  }
}
