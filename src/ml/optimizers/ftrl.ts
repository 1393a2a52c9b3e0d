import type { Tensor } from '@tensorflow/tfjs-core'
import type { OptimizerOf } from '../../contracts/optimizer.js'
import { tf } from '../engine/tensorflow.js'
import { filled, type Optimizer, type Shaped, slotsLike, updateEach } from './optimizer.js'

type FtrlSpec = Pick<
  OptimizerOf<'ftrl'>,
  'learningRatePower' | 'initialAccumulatorValue' | 'l1' | 'l2Regularization' | 'l2Shrinkage' | 'beta'
>

/** A mask would make it 0, and the weight 0 / 0. */
const ACCUMULATOR = 'ftrl.accumulator'

/**
 * Follow the regularized leader, proximal, as in Keras, with p = −learningRatePower, λ₂ = l2Regularization + beta / (2 · lr):
 * n' = n + g², z ← z + g + 2 · l2Shrinkage · w − (n'ᵖ − nᵖ) / lr · w, w ← (clip(z, −l1, l1) − z) / (n'ᵖ / lr + 2 · λ₂).
 * Weights follow from the slots alone, so the learning rate has to stay as it is, and of the weights at the start little is left: for linear models.
 * Slots: `<param>/linear` (z), `ftrl.accumulator/<param>` (n), at first `initialAccumulatorValue`.
 * @see McMahan et al., "Ad click prediction: a view from the trenches", 2013.
 */
export function makeFtrl(spec: FtrlSpec): Optimizer {
  const { learningRatePower, initialAccumulatorValue, l1, l2Regularization, l2Shrinkage, beta } = spec
  const power = (n: Tensor) => (learningRatePower === -0.5 ? tf.sqrt(n) : tf.pow(n, -learningRatePower))
  const linears = (params: Shaped) => slotsLike(params, 'linear')
  const accumulators = (params: Shaped) => slotsLike(params, ACCUMULATOR)
  return {
    slotShapes: (params) => ({ ...linears(params), ...accumulators(params) }),
    init: (params) => ({ ...filled(linears(params), 0), ...filled(accumulators(params), initialAccumulatorValue) }),
    update(input) {
      const { learningRate } = input
      const penalty = tf.add(tf.div(beta, learningRate), 2 * l2Regularization)
      return updateEach(input, ['linear', ACCUMULATOR], (param, grad, slots) => {
        const accumulator = tf.add(slots[ACCUMULATOR], tf.square(grad))
        const root = power(accumulator)
        const sigma = tf.div(tf.sub(root, power(slots[ACCUMULATOR])), learningRate)
        const shrunk = l2Shrinkage > 0 ? tf.add(grad, tf.mul(param, 2 * l2Shrinkage)) : grad
        const linear = tf.add(slots.linear, tf.sub(shrunk, tf.mul(sigma, param)))
        const quadratic = tf.add(tf.div(root, learningRate), penalty)
        const threshold = l1 > 0 ? tf.clipByValue(linear, -l1, l1) : 0
        return {
          param: tf.div(tf.sub(threshold, linear), quadratic),
          slots: { linear, [ACCUMULATOR]: accumulator },
        }
      })
    },
  }
}
