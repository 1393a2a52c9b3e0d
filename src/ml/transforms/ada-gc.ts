import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core'
import type { ClippingModeOf } from '../../contracts/clipping-modes.js'
import { tf } from '../engine/tensorflow.js'
import { filled, type Shaped, tensorAt } from '../optimizers/optimizer.js'
import type { Arithmetic } from './arithmetic.js'
import { LARGEST_FLOAT } from './norms.js'
import { infoOf } from './report.js'
import { normOfNorms, unstackFactors } from './scaling.js'
import { mapSelected, type Selection, whereSelected } from './selection.js'
import type { GradientTransformation } from './transformation.js'

const NORMS = 'clipping/norms'
const SEEN = 'clipping/seen'

type Options = Omit<ClippingModeOf<'ada-gc'>, 'mode' | 'include' | 'exclude' | 'growthFactor'>

/**
 * AdaGC: after a warm-up each gradient is scaled so that its L2 norm is at most the threshold of the context (`growthFactor`) times γ,
 * the moving mean of its own norm after clipping: γ ← β · γ + (1 − β) · ‖g′‖. During the warm-up the joint norm of the selected
 * gradients is clipped at `maxNorm`, and γ is the least norm of the tensor so far; a norm of 0 does not count, since γ = 0 would
 * hold the tensor at 0 for ever. Norms that are not finite enter nothing.
 * State: `norms` [tensors], γ, the largest float32 before the first norm, and `seen` [], steps of the warm-up.
 * @see Wang et al., "AdaGC: improving training stability for large language model pretraining", 2025.
 */
export function clipByMovingNorms(
  selection: Selection,
  arithmetic: Arithmetic,
  options: Options,
): GradientTransformation {
  const shapesOf = (params: Shaped) => ({
    [NORMS]: { shape: [Object.keys(params).length] },
    [SEEN]: { shape: [] },
  })
  return {
    name: 'ada-gc',
    stateShapes: shapesOf,
    init(params) {
      const { [NORMS]: norms, [SEEN]: seen } = shapesOf(params)
      return {
        ...(norms && filled({ [NORMS]: norms }, LARGEST_FLOAT)),
        ...(seen && filled({ [SEEN]: seen }, 0)),
      }
    },
    update(grads, state, { threshold: growthFactor }) {
      // The shape that it was declared with.
      const before = { norms: tensorAt(state, NORMS) as Tensor1D, seen: tensorAt(state, SEEN) }
      const each = Object.values(grads).map((grad) => arithmetic.ofTensor(grad))
      // They stack scalars.
      const unit = tf.stack(each.map((norm) => norm.unit)) as Tensor1D
      const scaled = tf.stack(each.map((norm) => norm.scaled)) as Tensor1D
      const tensorNorms = arithmetic.value({ unit }, scaled)
      const gradientNorm = normOfNorms(tensorNorms, arithmetic)
      const isWarmup = tf.less(before.seen, options.warmupSteps)

      const joint = arithmetic.ofTensor(whereSelected(selection, tensorNorms, 0))
      const together = arithmetic.factors(joint, tf.scalar(options.maxNorm))
      const bounds = tf.mul<Tensor1D>(before.norms, growthFactor)
      const apart = arithmetic.factors({ unit, scaled }, bounds)
      const pick = (warm: Tensor, active: Tensor1D) =>
        whereSelected(selection, tf.where(isWarmup, warm, active) as Tensor1D, 1) // shape of `active`
      const tensorScales: Tensor1D = pick(together.scale, apart.scale)
      const factors = unstackFactors({
        first: pick(together.first, apart.first),
        divisor: pick(together.divisor, apart.divisor),
      })
      const after = tf.mul<Tensor1D>(tensorNorms, tensorScales)
      const finite = tf.isFinite(gradientNorm)
      return {
        grads: mapSelected(grads, selection, (grad, index) => {
          const own = factors[index]
          return own === undefined ? grad : arithmetic.shorten(grad, own)
        }),
        state: {
          [NORMS]: tf.where(finite, movedNorms(before.norms, after, isWarmup, options.beta), before.norms),
          [SEEN]: tf.where(finite, tf.minimum(tf.add(before.seen, 1), options.warmupSteps), before.seen),
        },
        info: infoOf(
          {
            ...{ gradientNorm, tensorNorms, tensorScales },
            clipScale: tf.min<Scalar>(tensorScales),
            clipped: tf.cast<Scalar>(tf.any(tf.less(tensorScales, 1)), 'float32'),
            threshold: tf.where(isWarmup, options.maxNorm, largestNormAllowed(bounds, selection, arithmetic)),
          },
          arithmetic,
        ),
      }
    },
  }
}

/** γ of each tensor after a step that left it the norm `after`. [tensors] */
function movedNorms(norms: Tensor1D, after: Tensor1D, isWarmup: Tensor, beta: number): Tensor {
  const least = tf.where(tf.equal(after, 0), norms, tf.minimum(norms, after))
  const moved = tf.add(tf.mul(norms, beta), tf.mul(after, 1 - beta))
  // A tensor whose gradient has been 0 so far starts with its first norm, whenever that comes.
  const isFirst = tf.equal(norms, LARGEST_FLOAT)
  return tf.where(tf.logicalOr(isWarmup, isFirst), least, moved)
}

/** The joint norm that the bounds of the selected tensors leave: √Σ bound². 0 while one of them has no bound. */
function largestNormAllowed(bounds: Tensor1D, selection: Selection, { ofTensor, value }: Arithmetic): Tensor {
  const joint = ofTensor(whereSelected(selection, bounds, 0))
  const norm = value(joint, joint.scaled)
  return tf.where(tf.isFinite(norm), norm, 0)
}
