import type { OptimizerOf } from '../../contracts/optimizer.js'
import { tf } from '../engine/tensorflow.js'
import { overRoot } from './moments.js'
import { filled, type Optimizer, type Shaped, slotsLike, updateEach } from './optimizer.js'

type AdagradSpec = Pick<OptimizerOf<'adagrad'>, 'initialAccumulatorValue' | 'epsilon'>

/**
 * Adagrad as in Keras: n ← n + g², w ← w − lr · g / √(n + ε). Slots: `<param>/accumulator` (n), at first `initialAccumulatorValue`.
 * @see Duchi, Hazan, Singer, "Adaptive subgradient methods for online learning and stochastic optimization", 2011.
 */
export function makeAdagrad({ initialAccumulatorValue, epsilon }: AdagradSpec): Optimizer {
  const slotShapes = (params: Shaped) => slotsLike(params, 'accumulator')
  return {
    slotShapes,
    init: (params) => filled(slotShapes(params), initialAccumulatorValue),
    update: (input) =>
      updateEach(input, ['accumulator'], (param, grad, slots) => {
        const accumulator = tf.add(slots.accumulator, tf.square(grad))
        const step = overRoot(tf.mul(grad, input.learningRate), tf.add(accumulator, epsilon))
        return { param: tf.sub(param, step), slots: { accumulator } }
      }),
  }
}
