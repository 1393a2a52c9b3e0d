import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'
import { globalNorm, positive, scaledNorms, total, unscale } from './norms.js'
import { infoOf, ratioOf } from './report.js'
import { mapSelected, type Selection, whereSelected } from './selection.js'
import { type GradientTransformation, stateless } from './transformation.js'

/** Limits every selected element: g ← min(max(g, −threshold), threshold). It changes the direction of the gradient. */
export function clipByValue(selection: Selection): GradientTransformation {
  return stateless('value', (grads, { threshold }) => {
    const negative = tf.neg(threshold)
    const clipped = mapSelected(grads, selection, (grad) => tf.maximum(tf.minimum(grad, threshold), negative))
    const list = Object.values(grads)
    const before = scaledNorms(list)
    const bound = whereSelected(selection, tf.fill([list.length], 1), Number.POSITIVE_INFINITY)
    const bounds = tf.mul(bound, threshold)
    // What is left of the largest element is known without another pass.
    const after = scaledNorms(Object.values(clipped), tf.minimum<Tensor1D>(before.largest, bounds))
    const tensorNorms = unscale(before, before.scaled)
    const tensorNormsAfter = unscale(after, after.scaled)
    const gradientNorm = globalNorm({ tensorNorms }, 2)
    return {
      grads: clipped,
      info: infoOf({
        gradientNorm,
        tensorNorms,
        tensorScales: ratioOf(tensorNormsAfter, tensorNorms),
        clipScale: ratioOf(globalNorm({ tensorNormsAfter }, 2), gradientNorm),
        clipped: tf.cast<Scalar>(tf.any(tf.greater(before.largest, bounds)), 'float32'),
        threshold,
        uneven: { tensorNormsAfter, ...compare(list, Object.values(clipped), before, after) },
      }),
    }
  })
}

type Norms = ReturnType<typeof scaledNorms>

/** Cosine and number of changed elements of each tensor. No element is turned around, so all products are positive or 0. */
function compare(raw: readonly Tensor[], clipped: readonly Tensor[], before: Norms, after: Norms) {
  const units = tf.unstack(before.unit)
  const unitsAfter = tf.unstack(after.unit)
  const pairs = raw.map((grad, index) => {
    const result = clipped[index] ?? grad
    if (result === grad) return { dot: null, changed: tf.scalar(0) }
    const product = tf.mul(tf.mul(grad, units[index] ?? 1), tf.mul(result, unitsAfter[index] ?? 1))
    return { dot: total(product), changed: tf.sum(tf.cast(tf.notEqual(grad, result), 'float32')) }
  })
  const lengths = tf.mul<Tensor1D>(before.scaled, after.scaled)
  const own = tf.unstack(lengths)
  // A tensor that is left alone has the cosine 1: its product is the product of its lengths.
  const dots = tf.stack(pairs.map(({ dot }, index) => dot ?? own[index] ?? tf.scalar(0)))
  const cosines = tf.where(tf.equal(lengths, 0), 1, tf.minimum(tf.div(dots, positive(lengths)), 1))
  return {
    tensorCosines: cosines as Tensor1D, // as `lengths`
    tensorClipped: tf.stack(pairs.map(({ changed }) => changed)) as Tensor1D, // stacks scalars
  }
}
