import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'

/**
 * Outputs are float32 [batch, …, size]; labels are as the dataset gives them (`TARGET_KINDS`), where classes and tokens have no last axis.
 * A position is everything but the last axis: an example, or a place of a sequence in it.
 */
export interface Loss {
  /**
   * Mean over the positions, differentiable by `outputs`. `weights` float32 [batch] multiply the loss of each example: Σ w · loss / positions, not
   * divided by Σ w, as in Keras (`sum_over_batch_size`).
   */
  loss(outputs: Tensor, labels: Tensor, weights?: Tensor | null): Scalar
  /** One number an example, unweighted [batch]: the mean over its positions. */
  perExample(outputs: Tensor, labels: Tensor): Tensor
  /** One number a position, unweighted [batch, …]. */
  perPosition(outputs: Tensor, labels: Tensor): Tensor
  /** What a client calls the prediction: probabilities, or the outputs themselves. */
  predictions(outputs: Tensor): Tensor
}

/** Values [batch, …] or [batch, …, size], and their derivative by the outputs [batch, …, size], made only when it is asked for. */
export type LossRule = (outputs: Tensor, labels: Tensor) => { values: Tensor; derivative: () => Tensor }

const asTheyAre = (outputs: Tensor): Tensor => outputs

/** A loss that is a mean over the entries of the outputs: the rule gives one value an entry. */
export function elementwiseLoss(rule: LossRule, predictions = asTheyAre): Loss {
  return makeLoss(
    (outputs, labels, weights) => fusedMean(rule, outputs, labels, weights),
    (outputs, labels) => tf.mean(rule(outputs, labels).values, -1),
    predictions,
  )
}

/** A loss that compares whole rows: the rule gives one value a position. */
export function rowLoss(rule: LossRule, predictions = asTheyAre): Loss {
  return makeLoss(
    (outputs, labels, weights) => fusedMean(rule, outputs, labels, weights),
    (outputs, labels) => rule(outputs, labels).values,
    predictions,
  )
}

/** A loss whose derivative tfjs finds: more operations, for losses that are rarely trained with. */
export function derivedLoss(perPosition: Loss['perPosition'], predictions = asTheyAre): Loss {
  return makeLoss(
    (outputs, labels, weights) => weightedMean(perPosition(outputs, labels), weights),
    perPosition,
    predictions,
  )
}

function makeLoss(
  mean: (outputs: Tensor, labels: Tensor, weights: Tensor | null) => Scalar,
  perPosition: Loss['perPosition'],
  predictions: Loss['predictions'],
): Loss {
  return {
    loss: (outputs, labels, weights = null) => mean(outputs, labels, weights),
    perExample(outputs, labels) {
      const positions = perPosition(outputs, labels)
      const inner = positions.shape.slice(1).map((_, axis) => axis + 1)
      return inner.length === 0 ? positions : tf.mean(positions, inner)
    },
    perPosition,
    predictions,
  }
}

/** The mean of a rule's values with its gradient given outright, derivative · dy / count: deriving it would take up to three times the operations. */
function fusedMean(rule: LossRule, outputs: Tensor, labels: Tensor, weights: Tensor | null): Scalar {
  const mean = tf.customGrad((x, save) => {
    const { values, derivative } = rule(x as Tensor, labels) // customGrad types its arguments too widely
    const slope = derivative()
    ;(save as (tensors: Tensor[]) => void)([slope])
    return {
      value: weightedMean(values, weights),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const scale = tf.div(dy, values.size)
        return tf.mul(saved[0] ?? slope, weights ? tf.mul(alongBatch(weights, slope), scale) : scale)
      },
    }
  })
  return mean(outputs) as Scalar // the mean of everything
}

function weightedMean(values: Tensor, weights: Tensor | null): Scalar {
  return tf.mean(weights ? tf.mul(values, alongBatch(weights, values)) : values)
}

/** [batch] as [batch, 1, …] of the rank of `like`. */
function alongBatch(weights: Tensor, like: Tensor): Tensor {
  return like.rank <= 1 ? weights : tf.reshape(weights, [-1, ...like.shape.slice(1).map(() => 1)])
}
