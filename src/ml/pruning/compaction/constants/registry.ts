import type { LayerOf } from '../../../../contracts/model.js'
import type { Named } from '../../../../planning/layers/connect.js'
import type { PlainLayer, PlainType } from '../../../../planning/units/plain.js'
import type { Constants, LayerValues } from '../values.js'
import { affine, depthwise, dot, embedding } from './affine.js'
import {
  activation,
  batchNormalization,
  elu,
  kept,
  leakyRelu,
  mixed,
  permute,
  prelu,
  relu,
  reshape,
  softmax,
  zeroPadding2d,
} from './channelwise.js'
import type { Emit } from './emit.js'
import { add, average, concatenate, maximum, minimum, multiply, subtract } from './merge.js'
import { bidirectional, recurrent } from './recurrent.js'

const EMIT = {
  dense: affine,
  embedding,
  activation,
  relu,
  'leaky-relu': leakyRelu,
  elu,
  prelu,
  softmax,
  conv1d: affine,
  conv2d: affine,
  conv3d: affine,
  'depthwise-conv2d': depthwise,
  'separable-conv2d': affine,
  'conv2d-transpose': affine,
  'max-pooling1d': kept,
  'max-pooling2d': kept,
  'max-pooling3d': kept,
  'average-pooling1d': kept,
  'average-pooling2d': kept,
  'global-average-pooling': kept,
  'global-max-pooling': kept,
  'batch-normalization': batchNormalization,
  'layer-normalization': mixed,
  dropout: kept,
  'spatial-dropout': kept,
  'gaussian-noise': kept,
  'gaussian-dropout': kept,
  'simple-rnn': recurrent,
  lstm: recurrent,
  gru: recurrent,
  bidirectional,
  add,
  subtract,
  multiply,
  average,
  maximum,
  minimum,
  concatenate,
  dot,
  flatten: reshape,
  reshape,
  permute,
  'repeat-vector': kept,
  'zero-padding2d': zeroPadding2d,
  cropping2d: kept,
  'up-sampling1d': kept,
  'up-sampling2d': kept,
  masking: mixed,
} satisfies { readonly [T in PlainType]: Emit<LayerOf<T>> }

/** Rounded to float32, as the network would have them; a number that overflows counts as varying. */
export function emittedBy(layer: Named<PlainLayer>, values: LayerValues, states: readonly Constants[]): Constants {
  // Indexing by a union of types gives a union of functions; the entry of a type takes the layer of that type.
  const entry = EMIT[layer.type] as Emit<PlainLayer>
  return entry(layer, values, states).map((constant) => {
    const rounded = Math.fround(constant)
    return Number.isFinite(rounded) ? rounded : Number.NaN
  })
}
