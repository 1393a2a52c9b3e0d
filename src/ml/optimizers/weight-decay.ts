import type { Tensor } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'
import type { Tensors } from '../engine/types.js'

/** Kernels of any kind (`kernel`, `recurrent-kernel`, `depthwise-kernel`, …) and embeddings; not biases, scales and offsets. */
export function isPenalized(param: string): boolean {
  return param.endsWith('kernel') || param.endsWith('/embeddings')
}

/**
 * Decoupled weight decay, before the update: w ← w − lr · weightDecay · w for the parameters named. `learningRate` is that of the step, a float32
 * scalar.
 * @see Loshchilov, Hutter, "Decoupled weight decay regularization", 2019 (with the learning rate in place of their schedule multiplier, as in Keras).
 */
export function decayWeights(
  params: Tensors,
  weightDecay: number,
  learningRate: Tensor,
  names: readonly string[] = Object.keys(params).filter(isPenalized),
): Tensors {
  if (weightDecay === 0) return params
  const share = tf.mul(learningRate, weightDecay)
  const decayed: Record<string, Tensor> = { ...params }
  for (const name of names) {
    const param = params[name]
    if (param === undefined) throw new Error(`there is no parameter ${name}`)
    // Not w · (1 − share): that factor is rounded, and the error of a share of 1e-6 would be 3 %, the same for all weights and steps.
    decayed[name] = tf.sub(param, tf.mul(param, share))
  }
  return decayed
}
