import type { Tensor } from '@tensorflow/tfjs-core'
import { FLOAT32 } from '../engine/binding.js'
import { operation, type } from '../engine/raw-operation.js'
import { tf } from '../engine/tensorflow.js'
import type { Arithmetic } from './arithmetic.js'
import { positive, type Scaled, total } from './norms.js'
import { ratioOf } from './report.js'
import type { Selection } from './selection.js'
import { type GradientTransformation, stateless } from './transformation.js'
import { type ClippedTensor, clipUnevenly, untouched } from './uneven.js'

/** Limits every selected element: g ← min(max(g, −threshold), threshold). It changes the direction of the gradient. */
export function clipByValue(selection: Selection, arithmetic: Arithmetic): GradientTransformation {
  return stateless('value', (grads, { threshold }) =>
    clipUnevenly(grads, { threshold, arithmetic }, (grad, _, index) =>
      selection.isSelected[index] ? clipElements(grad, threshold, arithmetic) : untouched(grad, arithmetic),
    ),
  )
}

function clipElements(grad: Tensor, threshold: Tensor, arithmetic: Arithmetic): ClippedTensor {
  const { largest, ofTensor, value } = arithmetic
  const clipped = operation('ClipByValue', [type('T', FLOAT32)], [grad, tf.neg(threshold), threshold])
  const most = largest(grad)
  const before = ofTensor(grad, most)
  // What is left of the largest element is known without another pass.
  const after = ofTensor(clipped, tf.minimum(most, threshold))
  const [norm, normAfter] = [value(before, before.scaled), value(after, after.scaled)]
  return {
    grad: clipped,
    norm,
    normAfter,
    scale: ratioOf(normAfter, norm),
    engaged: tf.cast(arithmetic.exceeds({ largest: most, bound: threshold, before, after }), 'float32'),
    cosine: cosineOf({ grad, norm: before }, { grad: clipped, norm: after }),
    elements: tf.sum(tf.cast(tf.notEqual(grad, clipped), 'float32')),
  }
}

interface WithNorm {
  readonly grad: Tensor
  readonly norm: Scaled
}

/** No element is turned around, so all products are positive or 0. */
function cosineOf(raw: WithNorm, clipped: WithNorm): Tensor {
  const products = tf.mul(tf.mul(raw.grad, raw.norm.unit), tf.mul(clipped.grad, clipped.norm.unit))
  const lengths = tf.mul(raw.norm.scaled, clipped.norm.scaled)
  return tf.where(tf.equal(lengths, 0), 1, tf.minimum(tf.div(total(products), positive(lengths)), 1))
}
