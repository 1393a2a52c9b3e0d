import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core'
import { select } from '../engine/select.js'
import { tf } from '../engine/tensorflow.js'
import { filled, tensorAt } from '../optimizers/optimizer.js'
import type { Arithmetic } from './arithmetic.js'
import { clipJointly } from './global-norm.js'
import { measure } from './scaling.js'
import type { Selection } from './selection.js'
import type { GradientTransformation } from './transformation.js'

const HISTORY = 'clipping/history'
const SORTED = 'clipping/sorted'
const FILLED = 'clipping/filled'

/**
 * AutoClip: clips the joint L2 norm at a percentile of its own history, the present norm included, before clipping. The threshold
 * of the context is the percentile, 0 to 100; between two norms it is interpolated linearly. A norm that is not finite is not remembered.
 * State: `history` [historySize], newest first; `sorted` [historySize], the same norms, largest first; `filled` [], how many of them are
 * norms: the others are 0 and come last.
 * @see Seetharaman, Wichern, Pardo, Le Roux, "AutoClip: adaptive gradient clipping for source separation networks", 2020.
 */
export function clipByHistory(
  selection: Selection,
  arithmetic: Arithmetic,
  historySize: number,
): GradientTransformation {
  const shapes = {
    [HISTORY]: { shape: [historySize] },
    [SORTED]: { shape: [historySize] },
    [FILLED]: { shape: [] },
  }
  return {
    name: 'auto',
    stateShapes: () => shapes,
    init: () => filled(shapes, 0),
    update(grads, state, { threshold: percentile }) {
      const before = {
        history: tensorAt(state, HISTORY),
        sorted: tensorAt(state, SORTED) as Tensor1D, // the shape that it was declared with
        filled: tensorAt(state, FILLED),
      }
      const measured = measure(grads, selection, arithmetic)
      const norm = arithmetic.value(measured.joint, measured.joint.scaled)
      const finite = tf.isFinite(norm)
      const kept = tf.slice(before.history, [0], [historySize - 1])
      const oldest = tf.slice(before.history, [historySize - 1], [1])
      const next = {
        history: tf.concat([tf.reshape(norm, [1]), kept]),
        sorted: inserted(without(before.sorted, oldest), norm),
        filled: tf.minimum<Scalar>(tf.add(before.filled, 1), historySize),
      }
      const threshold = percentileOf(next.sorted, next.filled, percentile)
      return {
        ...clipJointly(grads, selection, { arithmetic, measured, norm: measured.joint, bound: threshold, threshold }),
        state: {
          [HISTORY]: select(finite, next.history, before.history),
          [SORTED]: select(finite, next.sorted, before.sorted),
          [FILLED]: select(finite, next.filled, before.filled),
        },
      }
    },
  }
}

/** `descending` without one entry equal to `value` [1], which it has; the last entry becomes 0. */
function without(descending: Tensor1D, value: Tensor): Tensor1D {
  const next = tf.concat([tf.slice(descending, [1]), tf.zeros([1])])
  return tf.where(tf.greater(descending, value), descending, next) as Tensor1D // shape of `descending`
}

/** `descending`, whose last entry goes, with `value`: where it belongs, entries move one place on. */
function inserted(descending: Tensor1D, value: Scalar): Tensor1D {
  const head = tf.slice(descending, [0], [descending.size - 1])
  const previous = tf.concat([tf.fill([1], Number.POSITIVE_INFINITY), head])
  return tf.maximum(descending, tf.minimum(previous, value))
}

/**
 * Percentile (0 to 100) of the first `count` ≥ 1 numbers of `descending`, linear between neighbours, as numpy's default.
 */
export function percentileOf(descending: Tensor1D, count: Scalar, percentile: Tensor): Scalar {
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
