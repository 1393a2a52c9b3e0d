import type { Layer, LayerOf, LayerType } from '../../contracts/model.js'
import type { Named } from '../../planning/layers/connect.js'
import type { LayerDescription } from '../../planning/shapes.js'
import { buildActivation, buildElu, buildLeakyRelu, buildPrelu, buildRelu, buildSoftmax } from './activation-layers.js'
import {
  buildConv1d,
  buildConv2d,
  buildConv2dTranspose,
  buildConv3d,
  buildDepthwiseConv2d,
  buildSeparableConv2d,
} from './convolution.js'
import { buildDense, buildEmbedding } from './dense.js'
import type { Apply, Build } from './layer.js'
import {
  buildAdd,
  buildAverage,
  buildConcatenate,
  buildDot,
  buildMaximum,
  buildMinimum,
  buildMultiply,
  buildSubtract,
} from './merge.js'
import { buildDropout, buildGaussianDropout, buildGaussianNoise, buildSpatialDropout } from './noise.js'
import { buildBatchNormalization, buildLayerNormalization } from './normalization.js'
import {
  buildGlobalAveragePooling,
  buildGlobalMaxPooling,
  buildPooling1d,
  buildPooling2d,
  buildPooling3d,
} from './pooling.js'
import { buildBidirectional, buildRecurrent } from './recurrent-layers.js'
import {
  buildCropping2d,
  buildMasking,
  buildPermute,
  buildRepeatVector,
  buildReshape,
  buildUpSampling1d,
  buildUpSampling2d,
  buildZeroPadding2d,
} from './shape-layers.js'
import { timeDistributed } from './time-distributed.js'

const BUILD = {
  dense: buildDense,
  embedding: buildEmbedding,
  activation: buildActivation,
  relu: buildRelu,
  'leaky-relu': buildLeakyRelu,
  elu: buildElu,
  prelu: buildPrelu,
  softmax: buildSoftmax,
  conv1d: buildConv1d,
  conv2d: buildConv2d,
  conv3d: buildConv3d,
  'depthwise-conv2d': buildDepthwiseConv2d,
  'separable-conv2d': buildSeparableConv2d,
  'conv2d-transpose': buildConv2dTranspose,
  'max-pooling1d': buildPooling1d,
  'max-pooling2d': buildPooling2d,
  'max-pooling3d': buildPooling3d,
  'average-pooling1d': buildPooling1d,
  'average-pooling2d': buildPooling2d,
  'global-average-pooling': buildGlobalAveragePooling,
  'global-max-pooling': buildGlobalMaxPooling,
  'batch-normalization': buildBatchNormalization,
  'layer-normalization': buildLayerNormalization,
  dropout: buildDropout,
  'spatial-dropout': buildSpatialDropout,
  'gaussian-noise': buildGaussianNoise,
  'gaussian-dropout': buildGaussianDropout,
  'simple-rnn': buildRecurrent,
  lstm: buildRecurrent,
  gru: buildRecurrent,
  bidirectional: buildBidirectional,
  'time-distributed': timeDistributed(buildLayer),
  add: buildAdd,
  subtract: buildSubtract,
  multiply: buildMultiply,
  average: buildAverage,
  maximum: buildMaximum,
  minimum: buildMinimum,
  concatenate: buildConcatenate,
  dot: buildDot,
  flatten: buildReshape,
  reshape: buildReshape,
  permute: buildPermute,
  'repeat-vector': buildRepeatVector,
  'zero-padding2d': buildZeroPadding2d,
  cropping2d: buildCropping2d,
  'up-sampling1d': buildUpSampling1d,
  'up-sampling2d': buildUpSampling2d,
  masking: buildMasking,
} satisfies { readonly [T in LayerType]: Build<LayerOf<T>> }

/** The function of a layer as planning has described it. */
export function buildLayer(layer: Named, description: LayerDescription): Apply {
  // Indexing by a union of types gives a union of functions; the entry of a type takes the layer of that type.
  const build = BUILD[layer.type] as Build<Layer>
  return build(layer, description)
}
