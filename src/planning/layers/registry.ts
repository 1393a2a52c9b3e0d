import type { Layer, LayerOf, LayerType } from '../../contracts/model.js'
import type { Shape } from '../shape.js'
import { activation, prelu, softmax } from './activation.js'
import type { Connect, Connection, Named, Reject } from './connect.js'
import { conv1d, conv2d, conv2dTranspose, conv3d, depthwiseConv2d, separableConv2d } from './convolution.js'
import { dense, embedding } from './dense.js'
import { concatenate, dot, elementMerge, subtract } from './merge.js'
import { noise, spatialDropout } from './noise.js'
import { batchNormalization, layerNormalization } from './normalization.js'
import { globalPooling, pooling1d, pooling2d, pooling3d } from './pooling.js'
import { bidirectional, recurrent } from './recurrent.js'
import {
  cropping2d,
  flatten,
  masking,
  permute,
  repeatVector,
  reshape,
  upSampling1d,
  upSampling2d,
  zeroPadding2d,
} from './shape.js'
import { timeDistributed } from './time-distributed.js'

/** Layers that take several inputs. */
const MERGING = {
  add: elementMerge,
  subtract,
  multiply: elementMerge,
  average: elementMerge,
  maximum: elementMerge,
  minimum: elementMerge,
  concatenate,
  dot,
}

const CONNECT = {
  ...MERGING,
  dense,
  embedding,
  activation,
  relu: activation,
  'leaky-relu': activation,
  elu: activation,
  prelu,
  softmax,
  conv1d,
  conv2d,
  conv3d,
  'depthwise-conv2d': depthwiseConv2d,
  'separable-conv2d': separableConv2d,
  'conv2d-transpose': conv2dTranspose,
  'max-pooling1d': pooling1d,
  'max-pooling2d': pooling2d,
  'max-pooling3d': pooling3d,
  'average-pooling1d': pooling1d,
  'average-pooling2d': pooling2d,
  'global-average-pooling': globalPooling,
  'global-max-pooling': globalPooling,
  'batch-normalization': batchNormalization,
  'layer-normalization': layerNormalization,
  dropout: noise,
  'spatial-dropout': spatialDropout,
  'gaussian-noise': noise,
  'gaussian-dropout': noise,
  'simple-rnn': recurrent,
  lstm: recurrent,
  gru: recurrent,
  bidirectional,
  'time-distributed': timeDistributed,
  flatten,
  reshape,
  permute,
  'repeat-vector': repeatVector,
  'zero-padding2d': zeroPadding2d,
  cropping2d,
  'up-sampling1d': upSampling1d,
  'up-sampling2d': upSampling2d,
  masking,
} satisfies { readonly [T in LayerType]: Connect<LayerOf<T>> }

/** Output shape and weights of a layer on inputs of these shapes. */
export function connect(layer: Named, inputs: readonly [Shape, ...Shape[]], reject: Reject): Connection {
  if (inputs.length > 1 && !Object.hasOwn(MERGING, layer.type))
    throw reject(`${layer.type} takes one input but has ${inputs.length}; merge them first, by add or concatenate`)
  // Indexing by a union of types gives a union of functions; the entry of a type takes the layer of that type.
  const entry = CONNECT[layer.type] as Connect<Layer>
  return entry(layer, inputs, reject)
}
