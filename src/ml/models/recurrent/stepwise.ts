import type { Tensor } from '@tensorflow/tfjs-core'
import { tf } from '../../engine/tensorflow.js'
import { item, type RecurrentOptions, type RecurrentWeights } from './cell.js'

/**
 * The recurrence in ordinary differentiable operations, one after the other: for activations that the hand-written cells do not cover.
 * `step` gets x_t · kernel + bias [batch, gates · units] and the states, and returns the new states, the output first.
 */
export function runStepwise(
  x: Tensor,
  { kernel, recurrentKernel, bias }: RecurrentWeights,
  { returnSequences, goBackwards }: RecurrentOptions,
  states: number,
  step: (projected: Tensor, state: readonly Tensor[]) => readonly Tensor[],
): Tensor {
  const [batch = 0] = x.shape
  const [units = 0] = recurrentKernel.shape
  const [inner] = bias && bias.rank === 2 ? tf.unstack(bias, 0) : [bias]
  const inTime = tf.unstack(x, 1)
  // A new list: the gradient of unstack relies on the order of its own.
  const xs = goBackwards ? inTime.toReversed() : inTime
  let state: readonly Tensor[] = Array.from({ length: states }, () => tf.zeros([batch, units]))
  const outputs: Tensor[] = []
  for (const xt of xs) {
    const product = tf.matMul(xt, kernel)
    state = step(inner ? tf.add(product, inner) : product, state)
    outputs.push(item(state, 0))
  }
  return returnSequences ? tf.stack(outputs, 1) : item(state, 0)
}
