import type { OptimizerOf } from '../../contracts/optimizer.js'
import { tf } from '../engine/tensorflow.js'
import { meanOf } from './moments.js'
import { filled, type Optimizer, type Shaped, slotsLike, updateEach } from './optimizer.js'

/**
 * Lion as in Keras: w ← w − lr · sign(β₁ · m + (1 − β₁) · g), then m ← β₂ · m + (1 − β₂) · g. Every weight moves by lr or not at all.
 * Slots: `<param>/m`.
 * @see Chen et al., "Symbolic discovery of optimization algorithms", 2023.
 */
export function makeLion({ beta1, beta2 }: Pick<OptimizerOf<'lion'>, 'beta1' | 'beta2'>): Optimizer {
  const slotShapes = (params: Shaped) => slotsLike(params, 'm')
  return {
    slotShapes,
    init: (params) => filled(slotShapes(params), 0),
    update: (input) =>
      updateEach(input, ['m'], (param, grad, slots) => {
        const direction = tf.sign(meanOf(slots.m, grad, beta1))
        return {
          param: tf.sub(param, tf.mul(direction, input.learningRate)),
          slots: { m: meanOf(slots.m, grad, beta2) },
        }
      }),
  }
}
