import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import type { ClippingModeOf } from '../../contracts/clipping-modes.js'
import { tf } from '../engine/tensorflow.js'
import { filled, tensorAt } from '../optimizers/optimizer.js'
import { clipJointly } from './global-norm.js'
import { positive, unscale } from './norms.js'
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
export function clipByZScore(selection: Selection, options: Options): GradientTransformation {
  const shapes = { [MEAN]: { shape: [] }, [DEVIATION]: { shape: [] }, [SEEN]: { shape: [] } }
  return {
    name: 'z-score',
    stateShapes: () => shapes,
    init: () => filled(shapes, 0),
    update(grads, state, { threshold: zThreshold }) {
      const before = { mean: tensorAt(state, MEAN), deviation: tensorAt(state, DEVIATION), seen: tensorAt(state, SEEN) }
      const measured = measure(grads, selection)
      const norm = unscale(measured.joint, measured.joint.scaled)
      const { bound, threshold, next } = judge(norm, before, zThreshold, options)
      const finite = tf.isFinite(norm)
      return {
        ...clipJointly(grads, selection, measured, { norm: measured.joint, bound, threshold }),
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
export function judge(norm: Scalar, before: Statistics, zThreshold: Tensor, options: Options) {
  const { warmupSteps, epsilon, maxNorm } = options
  const { mean, deviation, seen } = before
  const isWarmup = tf.less(seen, warmupSteps)
  const border = tf.add(mean, tf.mul(zThreshold, deviation))
  const z = tf.div(tf.sub(norm, mean), tf.add(deviation, epsilon))
  const exceeds = options.response === 'threshold' ? tf.greater(norm, border) : tf.greater(z, zThreshold)
  const isSpike = tf.logicalAnd(exceeds, tf.logicalNot(isWarmup))
  const target = spikeTarget({ z, zThreshold, border }, before, options)
  const limit = (value: Tensor) => (maxNorm === undefined ? value : tf.minimum(value, maxNorm))
  const warm = withWarmup(norm, before)
  const moved = withDecay(tf.where(isSpike, target, norm), before, options.alpha)
  const active = options.updateOnSpike ? moved : chosen(isSpike, before, moved)
  const calm = tf.where(isWarmup, maxNorm ?? 0, limit(border))
  return {
    bound: limit(tf.where(isSpike, target, Number.POSITIVE_INFINITY)) as Scalar, // made of scalars
    threshold: tf.where(isSpike, limit(target), calm) as Scalar, // made of scalars
    next: { ...chosen(isWarmup, warm, active), seen: tf.minimum(tf.add(seen, 1), warmupSteps) },
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

/** Mean and population deviation with one more number. @see Welford, "Note on a method for calculating corrected sums", 1962. */
function withWarmup(norm: Scalar, { mean, deviation, seen }: Statistics): Moments {
  const count = tf.add(seen, 1)
  const difference = tf.sub(norm, mean)
  const share = tf.div(seen, count)
  return {
    mean: tf.add(mean, tf.div(difference, count)),
    deviation: hypotenuse(tf.mul(deviation, tf.sqrt(share)), tf.mul(difference, tf.div(tf.sqrt(seen), count))),
  }
}

function withDecay(norm: Tensor, { mean, deviation }: Moments, alpha: number): Moments {
  const next = tf.add(tf.mul(mean, alpha), tf.mul(norm, 1 - alpha))
  const difference = tf.sub(norm, next)
  return {
    mean: next,
    deviation: hypotenuse(tf.mul(deviation, Math.sqrt(alpha)), tf.mul(difference, Math.sqrt(1 - alpha))),
  }
}

/** √(a² + b²) of scalars without overflow. */
function hypotenuse(a: Tensor, b: Tensor): Tensor {
  const larger = tf.maximum(tf.abs(a), tf.abs(b))
  const divisor = positive(larger)
  return tf.mul(larger, tf.sqrt(tf.add(tf.square(tf.div(a, divisor)), tf.square(tf.div(b, divisor)))))
}
