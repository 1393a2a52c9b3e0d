import type { Scalar, Tensor1D } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'
import { globalNorm, scaledNorms, unscale } from './norms.js'
import { infoOf } from './report.js'
import { clipFactors, scaleBy, unstackFactors } from './scaling.js'
import { mapSelected, type Selection, whereSelected } from './selection.js'
import { type GradientTransformation, stateless } from './transformation.js'

/**
 * Scales each selected gradient by itself so that its L2 norm is at most the threshold: g ← g · min(1, threshold / ‖g‖₂).
 * A norm equal to it changes nothing; the norm neither overflows nor underflows.
 */
export function clipByNorm(selection: Selection): GradientTransformation {
  return clipEach('norm', selection, () => 1)
}

/**
 * Scales each selected gradient by itself so that its root mean square is at most the threshold: g ← g / max(1, RMS(g) / threshold),
 * which is clipping by the norm at threshold · √(number of elements).
 * @see `clip_by_block_rms` of Hessel et al., "Optax", 2020.
 */
export function clipByBlockRms(selection: Selection): GradientTransformation {
  return clipEach('block-rms', selection, Math.sqrt)
}

function clipEach(name: string, selection: Selection, boundOfOne: (size: number) => number): GradientTransformation {
  return stateless(name, (grads, { threshold }) => {
    const list = Object.values(grads)
    const norms = scaledNorms(list)
    const ones = list.map(({ size }) => tf.scalar(boundOfOne(size)))
    const bounds = tf.mul(tf.stack(ones), threshold) as Tensor1D // stacks scalars
    const factors = clipFactors(norms, whereSelected(selection, bounds, Number.POSITIVE_INFINITY))
    const each = unstackFactors(factors)
    const tensorNorms = unscale(norms, norms.scaled)
    return {
      grads: mapSelected(grads, selection, (grad, index) => {
        const own = each[index]
        return own === undefined ? grad : scaleBy(grad, own)
      }),
      info: infoOf({
        gradientNorm: globalNorm({ tensorNorms }, 2),
        tensorNorms,
        tensorScales: factors.scale,
        clipScale: tf.min<Scalar>(factors.scale),
        clipped: tf.max<Scalar>(factors.clipped),
        threshold,
      }),
    }
  })
}
