import type { Tensor } from '@tensorflow/tfjs-core'
import type { ActivationName } from '../../contracts/layers/fields.js'
import type { LayerOf } from '../../contracts/model.js'
import { tf } from '../engine/tensorflow.js'
import type { Tensors } from '../engine/types.js'
import { ACTIVATION_FUNCTIONS } from './activations.js'
import { type Build, weight } from './layer.js'
import type { RecurrentOptions, RecurrentWeights } from './recurrent/cell.js'
import { gru } from './recurrent/gru.js'
import { lstm } from './recurrent/lstm.js'
import { simpleRnn } from './recurrent/simple-rnn.js'

type Cell = LayerOf<'bidirectional'>['layer']

/** x [batch, time, features] → [batch, units], or [batch, time, units] with returnSequences, in the order of processing. */
export const buildRecurrent: Build<LayerOf<Cell['type']>> =
  (layer) =>
  (weights, [x]) =>
    recur(layer, x, weightsOf(layer, weights, ''))

/** The layer forwards and a copy of it, with weights of its own, backwards; sequences of both are put in the order of time. */
export const buildBidirectional: Build<LayerOf<'bidirectional'>> = ({ layer, mergeMode }) => {
  const merge = MERGE[mergeMode]
  return (weights, [x]) => {
    const forward = recur(layer, x, weightsOf(layer, weights, 'forward-'))
    const opposite: Cell = { ...layer, goBackwards: !layer.goBackwards }
    const backward = recur(opposite, x, weightsOf(layer, weights, 'backward-'))
    return merge(forward, layer.returnSequences ? tf.reverse(backward, 1) : backward)
  }
}

const MERGE = {
  concat: (one, other) => tf.concat([one, other], -1),
  sum: (one, other) => tf.add(one, other),
  multiply: (one, other) => tf.mul(one, other),
  average: (one, other) => tf.mul(tf.add(one, other), 0.5),
} satisfies Record<LayerOf<'bidirectional'>['mergeMode'], (one: Tensor, other: Tensor) => Tensor>

function weightsOf({ useBias }: Cell, weights: Tensors, prefix: string): RecurrentWeights {
  return {
    kernel: weight(weights, `${prefix}kernel`),
    recurrentKernel: weight(weights, `${prefix}recurrent-kernel`),
    bias: useBias ? weight(weights, `${prefix}bias`) : null,
  }
}

function recur(cell: Cell, x: Tensor, weights: RecurrentWeights): Tensor {
  const { returnSequences, goBackwards } = cell
  const order = { returnSequences, goBackwards }
  switch (cell.type) {
    case 'simple-rnn':
      return simpleRnn(x, weights, { ...order, ...unlessDefault('activation', cell.activation, 'tanh') })
    case 'lstm':
      return lstm(x, weights, { ...order, ...functionsOf(cell) })
    case 'gru':
      return gru(x, weights, { ...order, ...functionsOf(cell), resetAfter: cell.resetAfter })
  }
}

type Functions = Pick<RecurrentOptions, 'activation' | 'recurrentActivation'>

function functionsOf(cell: Extract<Cell, { recurrentActivation: ActivationName }>): Functions {
  return {
    ...unlessDefault('activation', cell.activation, 'tanh'),
    ...unlessDefault('recurrentActivation', cell.recurrentActivation, 'sigmoid'),
  }
}

/** Nothing for the usual function: the cells have it built in, with a gradient of their own. */
function unlessDefault(key: keyof Functions, name: ActivationName, usual: ActivationName): Functions {
  return name === usual ? {} : { [key]: ACTIVATION_FUNCTIONS[name] }
}
