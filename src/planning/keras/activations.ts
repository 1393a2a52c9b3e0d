import type { ActivationName } from '../../contracts/layers/fields.js'
import { excerpt, member, type Place, problemAt } from './json.js'

const ACTIVATIONS = new Map<string, ActivationName>([
  ['linear', 'linear'],
  ['relu', 'relu'],
  ['relu6', 'relu6'],
  ['leaky_relu', 'leaky-relu'],
  ['elu', 'elu'],
  ['selu', 'selu'],
  ['gelu', 'gelu'],
  ['sigmoid', 'sigmoid'],
  ['hard_sigmoid', 'hard-sigmoid'],
  ['log_sigmoid', 'log-sigmoid'],
  ['tanh', 'tanh'],
  ['hard_tanh', 'hard-tanh'],
  ['softplus', 'softplus'],
  ['softsign', 'softsign'],
  ['silu', 'silu'],
  ['swish', 'silu'],
  ['hard_silu', 'hard-silu'],
  ['hard_swish', 'hard-silu'],
  ['mish', 'mish'],
  ['exponential', 'exponential'],
  ['softmax', 'softmax'],
  ['log_softmax', 'log-softmax'],
])

/** @throws SPEC_INVALID for what is no activation of ours. */
export function activationOf(value: unknown, place: Place): ActivationName {
  // Keras 3 writes functions as objects where it has registered them: {"class_name": "function", "config": "relu"}.
  const name = member(value, 'class_name') === 'function' ? member(value, 'config') : value
  if (name === null) return 'linear'
  const found = typeof name === 'string' ? ACTIVATIONS.get(name) : undefined
  if (found === undefined)
    throw problemAt(
      place,
      `activation ${excerpt(name)} is not supported; there are: ${[...ACTIVATIONS.keys()].join(', ')}`,
    )
  if (found === 'hard-sigmoid' && place.dialect === 2)
    throw problemAt(
      place,
      'hard_sigmoid of Keras 2 is another function than that of Keras 3, which runs here; use sigmoid',
    )
  return found
}
