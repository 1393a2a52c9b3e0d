import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import type { ClippingModeOf } from '../../contracts/clipping-modes.js'
import { tf } from '../engine/tensorflow.js'
import { filled, tensorAt } from '../optimizers/optimizer.js'
import { type Arithmetic, exact } from './arithmetic.js'
import { clipJointly } from './global-norm.js'
import { measure } from './scaling.js'
import type { Selection } from './selection.js'
import type { GradientTransformation } from './transformation.js'

const MEAN = 'clipping/mean'
const DEVIATION = 'clipping/deviation'
const SEEN = 'clipping/seen'

type Options = Omit<ClippingModeOf<'z-score'>, 'mode' | 'include' | 'exclude' | 'zThreshold'>

/** Mean and deviation of the joint norm, and how many norms of the warm-up are in them. */
interface Statistics {
  readonly mean: Tensor
  readonly deviation: Tensor
  readonly seen: Tensor
}

/**
 * ZClip: clips the joint L2 norm where it is a spike, z = (‖g‖ − mean) / (deviation + ε) > zThreshold, the threshold of the context.
 * Mean and deviation are those of the first `warmupSteps` norms, as they were before clipping; later m ← α · m + (1 − α) · x and
 * v ← α · v + (1 − α) · (x − m)², x being the norm, or what a spike was clipped to. A norm that is not finite enters nothing.
 * The deviation, not the variance, is the state: the square of a large norm would overflow.
 * @see Kumar et al., "ZClip: adaptive spike mitigation for LLM pre-training", 2025.
 */
export function clipByZScore(selection: Selection, arithmetic: Arithmetic, options: Options): GradientTransformation {
  const shapes = { [MEAN]: { shape: [] }, [DEVIATION]: { shape: [] }, [SEEN]: { shape: [] } }
  return {
    name: 'z-score',
    stateShapes: () => shapes,
    init: () => filled(shapes, 0),
    update(grads, state, { threshold: zThreshold }) {
      const before = { mean: tensorAt(state, MEAN), deviation: tensorAt(state, DEVIATION), seen: tensorAt(state, SEEN) }
      const measured = measure(grads, selection, arithmetic)
      const norm = arithmetic.value(measured.joint, measured.joint.scaled)
      const { bound, threshold, next } = judge(norm, before, zThreshold, options)
      const finite = tf.isFinite(norm)
      return {
        ...clipJointly(grads, selection, { arithmetic, measured, norm: measured.joint, bound, threshold }),
        state: {
          [MEAN]: tf.where(finite, next.mean, before.mean),
          [DEVIATION]: tf.where(finite, next.deviation, before.deviation),
          [SEEN]: tf.where(finite, next.seen, before.seen),
        },
      }
    },
  }
}

/** Whether `norm` is a spike, what it is clipped to (infinity: nothing), and the statistics with it. All scalars. */
function judge(norm: Scalar, before: Statistics, zThreshold: Tensor, options: Options) {
  const { warmupSteps, epsilon, maxNorm } = options
  const { mean, deviation, seen } = before
  const isWarmup = tf.less(seen, warmupSteps)
  const border = tf.add(mean, tf.mul(zThreshold, deviation))
  const z = tf.div(tf.sub(norm, mean), tf.add(deviation, epsilon))
  const exceeds = options.response === 'threshold' ? tf.greater(norm, border) : tf.greater(z, zThreshold)
  const isSpike = tf.logicalAnd(exceeds, tf.logicalNot(isWarmup))
  const target = spikeTarget({ z, zThreshold, border }, before, options)
  const limit = (value: Tensor) => (maxNorm === undefined ? value : tf.minimum(value, maxNorm))
  const moved = withNorm(tf.where(isSpike, target, norm), before, { isWarmup, alpha: options.alpha })
  const calm = tf.where(isWarmup, maxNorm ?? 0, limit(border))
  return {
    bound: limit(tf.where(isSpike, target, Number.POSITIVE_INFINITY)) as Scalar, // made of scalars
    threshold: tf.where(isSpike, limit(target), calm) as Scalar, // made of scalars
    next: {
      ...(options.updateOnSpike ? moved : chosen(isSpike, before, moved)),
      seen: tf.minimum(tf.add(seen, 1), warmupSteps),
    },
  }
}

type Moments = Pick<Statistics, 'mean' | 'deviation'>

function chosen(condition: Tensor, yes: Moments, no: Moments): Moments {
  return { mean: tf.where(condition, yes.mean, no.mean), deviation: tf.where(condition, yes.deviation, no.deviation) }
}

function spikeTarget(
  { z, zThreshold, border }: { z: Tensor; zThreshold: Tensor; border: Tensor },
  { mean, deviation }: Moments,
  { response, thresholdFactor }: Options,
): Tensor {
  if (response === 'mean') return mean
  if (response === 'threshold') return border
  const aboveMean = tf.div(tf.mul(zThreshold, deviation), tf.div(z, zThreshold))
  return tf.mul(tf.add(mean, aboveMean), thresholdFactor)
}

/**
 * Mean and deviation with one more norm x, of which the mean keeps the share k: m′ = m + (1 − k) d with d = x − m. In the warm-up, after n norms,
 * k = n / (n + 1) and v′ = k v + k (1 − k) d², the mean and population variance of n + 1 numbers; later k = α and v′ = α v + (1 − α) (x − m′)².
 * @see Welford, "Note on a method for calculating corrected sums", 1962.
 */
function withNorm(
  norm: Tensor,
  { mean, deviation, seen }: Statistics,
  { isWarmup, alpha }: { isWarmup: Tensor; alpha: number },
): Moments {
  const difference = tf.sub(norm, mean)
  const kept = tf.where(isWarmup, tf.div(seen, tf.add(seen, 1)), alpha)
  const added = tf.sub(1, kept)
  const weight = tf.where(isWarmup, tf.sqrt(tf.mul(kept, added)), alpha * Math.sqrt(1 - alpha)) // x − m′ = α d
  // √(a² + b²) as a norm: after a step of another magnitude its squares may be no floats.
  const length = exact.ofTensor(tf.stack([tf.mul(deviation, tf.sqrt(kept)), tf.mul(difference, weight)]))
  return { mean: tf.add(mean, tf.mul(difference, added)), deviation: exact.value(length, length.scaled) }
}
