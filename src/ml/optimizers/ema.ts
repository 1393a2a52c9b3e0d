import type { Tensor } from '@tensorflow/tfjs-core'
import type { StoredTensors } from '../../formats/safetensors.js'
import { tf } from '../engine/tensorflow.js'
import type { Tensors } from '../engine/types.js'
import { type Shaped, tensorAt } from './optimizer.js'

/** Name of the average of a parameter in the state. As `<param>/…` it is masked with the parameter. */
export const emaOf = (param: string): string => `${param}/ema`

/** Names and shapes of the averages of these parameters. */
export function emaShapes(params: Shaped): Shaped {
  return Object.fromEntries(Object.entries(params).map(([name, { shape }]) => [emaOf(name), { shape }]))
}

/** Averages before the first step: the parameters themselves. */
export function initialEma(params: StoredTensors): StoredTensors {
  return Object.fromEntries(
    Object.entries(params).map(([name, tensor]) => [emaOf(name), { ...tensor, values: tensor.values.slice() }]),
  )
}

/**
 * Exponential average of the parameters, after an update: e ← e + (w − e)(1 − decay), decay in [0, 1). `slots` holds the averages by their names
 * (`emaOf`), and so does what is returned.
 * @see Polyak, Juditsky, "Acceleration of stochastic approximation by averaging", 1992; `keras.optimizers` `use_ema`, which starts from the weights
 * after the first step instead of those before it.
 */
export function updateEma(slots: Tensors, params: Tensors, decay: number): Tensors {
  const next: Record<string, Tensor> = {}
  for (const [name, param] of Object.entries(params)) {
    const old = tensorAt(slots, emaOf(name))
    next[emaOf(name)] = tf.add(old, tf.mul(tf.sub(param, old), 1 - decay))
  }
  return next
}

/** The averages under the names of their parameters: what evaluation and export use. */
export function averagedParams(state: Tensors, names: readonly string[]): Tensors {
  return Object.fromEntries(names.map((name) => [name, tensorAt(state, emaOf(name))]))
}
