import type { Tensor } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'

/**
 * The share that each class of `outputs` [batch, …, classes] should have: one-hot of int32 labels [batch, …], or float32 labels of the shape of
 * the outputs as they are; with `smoothing` s in [0, 1): t · (1 − s) + s / classes.
 * @see Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2016 (label smoothing).
 */
export function classShares(labels: Tensor, outputs: Tensor, smoothing = 0): Tensor {
  const classes = outputs.shape.at(-1) ?? 1
  return spread(labels, classes, { on: 1 - smoothing + smoothing / classes, off: smoothing / classes })
}

/**
 * How true each of `outputs` [batch, …, labels] should be: float32 0 or 1 of the same shape as they are, or one-hot of int32 classes [batch, …]; of
 * a single output for two classes, the class. With `smoothing` s: t · (1 − s) + s / 2.
 */
export function labelShares(labels: Tensor, outputs: Tensor, smoothing = 0): Tensor {
  const levels = { on: 1 - smoothing / 2, off: smoothing / 2 }
  const size = outputs.shape.at(-1) ?? 1
  if (labels.dtype !== 'int32' || size > 1) return spread(labels, size, levels)
  return between(tf.cast(tf.expandDims(labels, -1), 'float32'), levels)
}

/** The same as +1 and −1. Labels that are −1 and 1 already stay as they are. */
export function labelSigns(labels: Tensor, outputs: Tensor): Tensor {
  const isTrue = tf.cast(tf.greater(labelShares(labels, outputs), 0), 'float32')
  return tf.sub(tf.mul(isTrue, 2), 1)
}

interface Levels {
  readonly on: number
  readonly off: number
}

function spread(labels: Tensor, size: number, levels: Levels): Tensor {
  if (labels.dtype === 'int32') return tf.oneHot(labels, size, levels.on, levels.off, 'float32')
  return between(labels, levels)
}

function between(shares: Tensor, { on, off }: Levels): Tensor {
  return off === 0 ? shares : tf.add(tf.mul(shares, on - off), off)
}
