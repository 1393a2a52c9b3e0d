import type { LayerOf } from '../../contracts/model.js'
import type { Named } from '../layers/connect.js'
import { convolution, dense, depthwise, embedding, separable, transposed } from './affine.js'
import type { Assign, Assignment, Wiring } from './assign.js'
import { concatenate, dot, elementMerge } from './merge.js'
import {
  activation,
  batchNormalization,
  channelwise,
  layerNormalization,
  masking,
  permute,
  prelu,
  reshape,
  softmax,
} from './passing.js'
import type { PlainLayer, PlainType } from './plain.js'
import { bidirectional, recurrent } from './recurrent.js'

const ASSIGN = {
  dense,
  embedding,
  activation,
  relu: channelwise,
  'leaky-relu': channelwise,
  elu: channelwise,
  prelu,
  softmax,
  conv1d: convolution,
  conv2d: convolution,
  conv3d: convolution,
  'depthwise-conv2d': depthwise,
  'separable-conv2d': separable,
  'conv2d-transpose': transposed,
  'max-pooling1d': channelwise,
  'max-pooling2d': channelwise,
  'max-pooling3d': channelwise,
  'average-pooling1d': channelwise,
  'average-pooling2d': channelwise,
  'global-average-pooling': channelwise,
  'global-max-pooling': channelwise,
  'batch-normalization': batchNormalization,
  'layer-normalization': layerNormalization,
  dropout: channelwise,
  'spatial-dropout': channelwise,
  'gaussian-noise': channelwise,
  'gaussian-dropout': channelwise,
  'simple-rnn': recurrent,
  lstm: recurrent,
  gru: recurrent,
  bidirectional,
  add: elementMerge,
  subtract: elementMerge,
  multiply: elementMerge,
  average: elementMerge,
  maximum: elementMerge,
  minimum: elementMerge,
  concatenate,
  dot,
  flatten: reshape,
  reshape,
  permute,
  'repeat-vector': channelwise,
  'zero-padding2d': channelwise,
  cropping2d: channelwise,
  'up-sampling1d': channelwise,
  'up-sampling2d': channelwise,
  masking,
} satisfies { readonly [T in PlainType]: Assign<LayerOf<T>> }

export function assignUnits(layer: Named<PlainLayer>, wiring: Wiring): Assignment {
  // Indexing by a union of types gives a union of functions; the entry of a type takes the layer of that type.
  const entry = ASSIGN[layer.type] as Assign<PlainLayer>
  return entry(layer, wiring)
}
