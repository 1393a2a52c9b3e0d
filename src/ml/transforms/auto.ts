import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'
import { filled, tensorAt } from '../optimizers/optimizer.js'
import { clipJointly } from './global-norm.js'
import { unscale } from './norms.js'
import { measure } from './scaling.js'
import type { Selection } from './selection.js'
import type { GradientTransformation } from './transformation.js'

const HISTORY = 'clipping/history'
const FILLED = 'clipping/filled'

/**
 * AutoClip: clips the joint L2 norm at a percentile of its own history, the present norm included, before clipping. The threshold
 * of the context is the percentile, 0 to 100; between two norms it is interpolated linearly. A norm that is not finite is not remembered.
 * State: `history` [historySize], newest first, and `filled` [], how many of them are norms.
 * @see Seetharaman, Wichern, Pardo, Le Roux, "AutoClip: adaptive gradient clipping for source separation networks", 2020.
 */
export function clipByHistory(selection: Selection, historySize: number): GradientTransformation {
  const shapes = { [HISTORY]: { shape: [historySize] }, [FILLED]: { shape: [] } }
  return {
    name: 'auto',
    stateShapes: () => shapes,
    init: () => filled(shapes, 0),
    update(grads, state, { threshold: percentile }) {
      const before = { history: tensorAt(state, HISTORY), filled: tensorAt(state, FILLED) }
      const measured = measure(grads, selection)
      const norm = unscale(measured.joint, measured.joint.scaled)
      const finite = tf.isFinite(norm)
      const kept = tf.slice(before.history, [0], [historySize - 1])
      const next = {
        history: tf.concat([tf.reshape(norm, [1]), kept]) as Tensor1D, // concatenates vectors
        filled: tf.minimum<Scalar>(tf.add(before.filled, 1), historySize),
      }
      const threshold = percentileOf(next.history, next.filled, percentile)
      return {
        ...clipJointly(grads, selection, measured, { norm: measured.joint, bound: threshold, threshold }),
        state: {
          [HISTORY]: tf.where(finite, next.history, before.history),
          [FILLED]: tf.where(finite, next.filled, before.filled),
        },
      }
    },
  }
}

/**
 * Percentile (0 to 100) of the `count` ≥ 1 largest numbers of `values`, linear between neighbours, as numpy's default. The numbers
 * that count are not negative, and the others are 0: in descending order these come last.
 */
export function percentileOf(values: Tensor1D, count: Scalar, percentile: Tensor): Scalar {
  const descending = tf.topk(values, values.size, true).values
  const last = tf.sub(count, 1)
  // Hundredths of a rank: whole numbers for whole percentiles, whose remainder is exact.
  const hundredths = tf.mul(percentile, last)
  const below = tf.floor(tf.div(hundredths, 100))
  const share = tf.div(tf.sub(hundredths, tf.mul(below, 100)), 100)
  const above = tf.minimum(tf.add(below, 1), last)
  const at = (ascending: Tensor) => tf.gather(descending, tf.cast(tf.sub(last, ascending), 'int32'))
  const low = at(below)
  return tf.add(low, tf.mul(tf.sub(at(above), low), share)) as Scalar // made of scalars
}
