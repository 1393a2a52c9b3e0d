import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'
import type { Tensors } from '../engine/types.js'
import type { Arithmetic } from './arithmetic.js'
import { infoOf, ratioOf } from './report.js'
import { normOfNorms } from './scaling.js'

/** A tensor whose elements got different factors, and what that did to it; all but `grad` are scalars. */
export interface ClippedTensor {
  readonly grad: Tensor
  /** L2, before and after. */
  readonly norm: Tensor
  readonly normAfter: Tensor
  /** The smallest factor of a part, or of the whole. */
  readonly scale: Tensor
  /** 1 if an element was clipped, else 0. */
  readonly engaged: Tensor
  /** Between `grad` before and after. */
  readonly cosine: Tensor
  /** How many elements were clipped. */
  readonly elements: Tensor
}

/** A tensor that is not selected. */
export function untouched(grad: Tensor, { ofTensor, value }: Arithmetic): ClippedTensor {
  const measured = ofTensor(grad)
  const norm = value(measured, measured.scaled)
  const [zero, one] = [tf.scalar(0), tf.scalar(1)]
  return { grad, norm, normAfter: norm, scale: one, engaged: zero, cosine: one, elements: zero }
}

/** Clips every tensor by `clip`, which gets its name and place, and joins what it says of them. */
export function clipUnevenly(
  grads: Tensors,
  { threshold, arithmetic }: { threshold: Tensor; arithmetic: Arithmetic },
  clip: (grad: Tensor, name: string, index: number) => ClippedTensor,
): { grads: Tensors; info: Tensors } {
  const tensors = Object.entries(grads).map(([name, grad], index) => ({ name, ...clip(grad, name, index) }))
  const stacked = (of: (tensor: ClippedTensor) => Tensor) => tf.stack(tensors.map(of)) as Tensor1D // stacks scalars
  const tensorNorms = stacked(({ norm }) => norm)
  const tensorNormsAfter = stacked(({ normAfter }) => normAfter)
  const tensorEngaged = stacked(({ engaged }) => engaged)
  const info = {
    gradientNorm: normOfNorms(tensorNorms, arithmetic),
    tensorNorms,
    tensorScales: ratioOf(tensorNormsAfter, tensorNorms),
    clipScale: tf.min<Scalar>(stacked(({ scale }) => scale)),
    clipped: tf.max<Scalar>(tensorEngaged),
    threshold,
    uneven: {
      tensorEngaged,
      tensorNormsAfter,
      tensorCosines: stacked(({ cosine }) => cosine),
      tensorClipped: stacked(({ elements }) => elements),
    },
  }
  return {
    grads: Object.fromEntries(tensors.map(({ name, grad }) => [name, grad])),
    info: infoOf(info, arithmetic),
  }
}
