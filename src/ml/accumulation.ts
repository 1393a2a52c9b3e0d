import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import { select } from './engine/select.js'
import { tf } from './engine/tensorflow.js'
import type { Tensors } from './engine/types.js'
import { type Gradients, gradients } from './gradients.js'
import { tensorAt } from './optimizers/optimizer.js'
import { accumulatedOf, LOSS, type StepParts } from './state.js'

/** The mini-batches of an update up to this one. */
export interface Accumulated {
  /** Of this mini-batch alone. Its `moments` follow from those of the mini-batches before. */
  readonly batch: Gradients
  /** Means over the rows of all of them: finite only if that of each mini-batch is. */
  readonly loss: Scalar
  readonly grads: Tensors
}

/**
 * A mini-batch of the rows `inputs.rows` added to those before it in the update. Where updates take several, `inputs.share` is what it has of the rows of the
 * update, and `inputs.draw`, the number of the mini-batch, tells the first of an update, which takes nothing from those before.
 */
export function accumulate(parts: StepParts, state: Tensors, inputs: Tensors): Accumulated {
  const { accumulateSteps } = parts.spec.optimizer
  const rows = tensorAt(inputs, 'rows')
  if (accumulateSteps === 1) {
    const batch = gradients(parts, state, rows, tensorAt(inputs, 'step'))
    return { batch, loss: batch.loss, grads: batch.grads }
  }
  const draw = tensorAt(inputs, 'draw')
  const share = tensorAt(inputs, 'share')
  const isFirst = tf.equal(tf.mod(draw, tf.scalar(accumulateSteps, 'int32')), 0)
  const soFar = (name: string) => tensorAt(state, accumulatedOf(name))
  const sum = (name: string, value: Tensor) => {
    const own = tf.mul(value, share)
    return select(isFirst, own, tf.add(soFar(name), own))
  }
  const names = Object.keys(parts.model.moments)
  const moments = Object.fromEntries(
    names.map((name) => [name, select(isFirst, tensorAt(state, name), soFar(name))] as const),
  )
  const batch = gradients(parts, { ...state, ...moments }, rows, draw)
  return {
    batch,
    loss: sum(LOSS, batch.loss) as Scalar, // shape of the loss
    grads: Object.fromEntries(Object.entries(batch.grads).map(([name, grad]) => [name, sum(name, grad)])),
  }
}

/** What the next mini-batch of the update goes on from. */
export function accumulatedState({ batch, loss, grads }: Accumulated): Tensors {
  const all = { [LOSS]: loss, ...grads, ...batch.moments }
  return Object.fromEntries(Object.entries(all).map(([name, tensor]) => [accumulatedOf(name), tensor]))
}
