import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core'
import type { LossName } from '../contracts/training-job.js'
import { tf } from './engine/tensorflow.js'

export interface Loss {
  /** Mean over the batch, differentiable by `outputs`. */
  loss(outputs: Tensor, labels: Tensor): Scalar
  /** One number an example (over the last axis, as in Keras). */
  perExample(outputs: Tensor, labels: Tensor): Tensor
  /** What a client calls the prediction: class probabilities, or the outputs themselves. */
  predictions(outputs: Tensor): Tensor
}

export function makeLoss(name: LossName): Loss {
  return LOSSES[name]
}

/**
 * −log softmax(z)[label] from logits z [batch, classes] and int32 labels [batch]. Shifted by the largest logit, so it stays finite.
 * The gradient by z is (softmax(z) − onehot(label)) / batch, given outright: deriving it would take three times the operations.
 */
const sparseCategoricalCrossentropy: Loss = {
  loss(outputs, labels) {
    const classes = outputs.shape[1] ?? 0
    const truth = tf.oneHot(tf.cast(labels, 'int32'), classes)
    const mean = tf.customGrad((logits, save) => {
      const { perExample, residual } = crossentropy(logits as Tensor, truth) // customGrad types its arguments too widely
      ;(save as (tensors: Tensor[]) => void)([residual])
      return {
        value: tf.mean(perExample),
        gradFunc: (dy: Tensor, saved: Tensor[]) => tf.mul(saved[0] ?? residual, tf.div(dy, outputs.shape[0] ?? 1)),
      }
    })
    return mean(outputs) as Scalar // the mean of everything
  },
  perExample: (outputs, labels) =>
    crossentropy(outputs, tf.oneHot(tf.cast(labels, 'int32'), outputs.shape[1] ?? 0)).perExample,
  predictions: (outputs) => tf.softmax(outputs),
}

/** Mean of (output − label)² over all entries; labels have the shape of the outputs, [batch, numbers]. */
const meanSquaredError: Loss = {
  loss: (outputs, labels) => tf.mean(tf.squaredDifference(outputs, labels)),
  perExample: (outputs, labels) => tf.mean(tf.squaredDifference(outputs, labels), -1),
  predictions: (outputs) => outputs,
}

const LOSSES = {
  'sparse-categorical-crossentropy': sparseCategoricalCrossentropy,
  'mean-squared-error': meanSquaredError,
} satisfies Record<LossName, Loss>

function crossentropy(logits: Tensor, truth: Tensor): { perExample: Tensor1D; residual: Tensor } {
  const shifted = tf.sub(logits, tf.max(logits, -1, true))
  const exponentials = tf.exp(shifted)
  const total = tf.sum(exponentials, -1, true)
  const ofLabel = tf.sum(tf.mul(shifted, truth), -1)
  return {
    perExample: tf.sub(tf.log(tf.squeeze(total, [-1])), ofLabel), // log Σ exp(z) − z[label]
    residual: tf.sub(tf.div(exponentials, total), truth),
  }
}
