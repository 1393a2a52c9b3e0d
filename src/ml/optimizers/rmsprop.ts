import type { OptimizerOf } from '../../contracts/optimizer.js'
import { tf } from '../engine/tensorflow.js'
import { meanOf, overRoot } from './moments.js'
import { filled, type Optimizer, type Shaped, slotsLike, updateEach } from './optimizer.js'

type RmsPropSpec = Pick<OptimizerOf<'rmsprop'>, 'rho' | 'momentum' | 'epsilon' | 'centered'>

/**
 * RMSprop as in Keras: v ← ρ · v + (1 − ρ) · g², s = lr · g / √(v + ε), w ← w − s; with momentum b ← momentum · b + s, w ← w − b; centered:
 * a ← ρ · a + (1 − ρ) · g, and v − a² in place of v. That difference is a variance; where rounding makes it negative, it is taken as 0 (Keras
 * takes the root of it: NaN). Slots: `<param>/v`, `<param>/momentum` (b), `<param>/mean` (a).
 * @see Tieleman, Hinton, "Lecture 6.5: RMSProp", 2012; Graves, "Generating sequences with recurrent neural networks", 2013 (centered).
 */
export function makeRmsProp({ rho, momentum, epsilon, centered }: RmsPropSpec): Optimizer {
  const names = [
    'v',
    ...(momentum > 0 ? (['momentum'] as const) : []),
    ...(centered ? (['mean'] as const) : []),
  ] as const
  const slotShapes = (params: Shaped) => slotsLike(params, ...names)
  return {
    slotShapes,
    init: (params) => filled(slotShapes(params), 0),
    update: (input) =>
      updateEach(input, names, (param, grad, slots) => {
        const v = meanOf(slots.v, tf.square(grad), rho)
        const mean = centered ? meanOf(slots.mean, grad, rho) : slots.mean
        const variance = centered ? tf.relu(tf.sub(v, tf.square(mean))) : v
        const step = overRoot(tf.mul(grad, input.learningRate), tf.add(variance, epsilon))
        const velocity = momentum > 0 ? tf.add(tf.mul(slots.momentum, momentum), step) : step
        return { param: tf.sub(param, velocity), slots: { v, mean, momentum: velocity } }
      }),
  }
}
