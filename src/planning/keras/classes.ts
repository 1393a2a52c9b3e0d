import type { LayerType } from '../../contracts/model.js'
import {
  activation,
  as,
  begins,
  ignored,
  initializer,
  type Keys,
  lastAxis,
  only,
  recurrentActivation,
  single,
} from './keys.js'

export interface KerasClass {
  readonly type: LayerType
  readonly keys: Keys
}

const useBias: Keys = { use_bias: as('useBias'), bias_initializer: begins('zeros') }
const kernel: Keys = { activation, ...useBias, kernel_initializer: initializer('kernelInitializer') }
const filters: Keys = { filters: as('filters') }
const window: Keys = { kernel_size: as('kernelSize'), strides: as('strides'), padding: as('padding') }
const dilation: Keys = { dilation_rate: as('dilation') }
const depth: Keys = {
  depth_multiplier: as('depthMultiplier'),
  depthwise_initializer: initializer('depthwiseInitializer'),
}
const oneWindow: Keys = { kernel_size: single('kernelSize'), strides: single('strides'), padding: as('padding') }
const pooling: Keys = { pool_size: as('poolSize'), strides: as('strides'), padding: as('padding') }
const onePooling: Keys = { pool_size: single('poolSize'), strides: single('strides'), padding: as('padding') }
const keepdims: Keys = { keepdims: only(false) }
const rate: Keys = { rate: as('rate') }
const affine: Keys = {
  axis: lastAxis,
  epsilon: as('epsilon'),
  center: as('center'),
  scale: as('scale'),
  beta_initializer: begins('zeros'),
  gamma_initializer: begins('ones'),
}
const recurrence: Keys = {
  units: as('units'),
  ...kernel,
  recurrent_initializer: initializer('recurrentInitializer'),
  return_sequences: as('returnSequences'),
  go_backwards: as('goBackwards'),
  return_state: only(false),
  stateful: only(false),
  dropout: only(0),
  recurrent_dropout: only(0),
  time_major: only(false),
  // How the steps are computed, and what happens to masked ones, of which there are none here.
  unroll: ignored,
  implementation: ignored,
  use_cudnn: ignored,
  zero_output_for_mask: ignored,
}

const conv2d: KerasClass = {
  type: 'conv2d',
  keys: { ...filters, ...window, ...dilation, groups: as('groups'), ...kernel },
}
const globalAverage: KerasClass = { type: 'global-average-pooling', keys: keepdims }
const globalMax: KerasClass = { type: 'global-max-pooling', keys: keepdims }
const spatialDropout: KerasClass = { type: 'spatial-dropout', keys: rate }
const merge = (type: LayerType): [string, KerasClass] => [
  `${type.charAt(0).toUpperCase()}${type.slice(1)}`,
  { type, keys: {} },
]

/** The classes of Keras that are taken over, but for the two that wrap others. */
export const CLASSES: ReadonlyMap<string, KerasClass> = new Map<string, KerasClass>([
  ['Dense', { type: 'dense', keys: { units: as('units'), ...kernel } }],
  [
    'Embedding',
    {
      type: 'embedding',
      keys: {
        input_dim: as('inputSize'),
        output_dim: as('outputSize'),
        embeddings_initializer: initializer('embeddingsInitializer'),
        mask_zero: only(false),
        input_length: ignored,
      },
    },
  ],
  ['Activation', { type: 'activation', keys: { activation } }],
  [
    'ReLU',
    {
      type: 'relu',
      keys: { max_value: as('maxValue'), negative_slope: as('negativeSlope'), threshold: as('threshold') },
    },
  ],
  ['LeakyReLU', { type: 'leaky-relu', keys: { negative_slope: as('negativeSlope'), alpha: as('negativeSlope') } }],
  ['ELU', { type: 'elu', keys: { alpha: as('alpha') } }],
  [
    'PReLU',
    { type: 'prelu', keys: { shared_axes: as('sharedAxes'), alpha_initializer: initializer('alphaInitializer') } },
  ],
  ['Softmax', { type: 'softmax', keys: { axis: as('axis') } }],
  [
    'Conv1D',
    {
      type: 'conv1d',
      keys: { ...filters, ...oneWindow, dilation_rate: single('dilation'), groups: as('groups'), ...kernel },
    },
  ],
  ['Conv2D', conv2d],
  ['Convolution2D', conv2d],
  [
    'Conv3D',
    {
      type: 'conv3d',
      keys: { ...filters, ...window, dilation_rate: only([1, 1, 1], 1), groups: only(1), ...kernel },
    },
  ],
  [
    'DepthwiseConv2D',
    {
      type: 'depthwise-conv2d',
      // Keras 2 writes the keys of a convolution as well, of which a depthwise one uses nothing.
      keys: { ...depth, ...window, ...dilation, activation, ...useBias, groups: only(1), kernel_initializer: ignored },
    },
  ],
  [
    'SeparableConv2D',
    {
      type: 'separable-conv2d',
      keys: {
        ...filters,
        ...depth,
        ...window,
        ...dilation,
        pointwise_initializer: initializer('pointwiseInitializer'),
        activation,
        ...useBias,
        groups: only(1),
        kernel_initializer: ignored,
      },
    },
  ],
  [
    'Conv2DTranspose',
    {
      type: 'conv2d-transpose',
      keys: {
        ...filters,
        ...window,
        dilation_rate: only([1, 1], 1),
        output_padding: only(null),
        groups: only(1),
        ...kernel,
      },
    },
  ],
  ['MaxPooling1D', { type: 'max-pooling1d', keys: onePooling }],
  ['MaxPooling2D', { type: 'max-pooling2d', keys: pooling }],
  ['MaxPooling3D', { type: 'max-pooling3d', keys: onePooling }],
  ['AveragePooling1D', { type: 'average-pooling1d', keys: onePooling }],
  ['AveragePooling2D', { type: 'average-pooling2d', keys: pooling }],
  ['GlobalAveragePooling1D', globalAverage],
  ['GlobalAveragePooling2D', globalAverage],
  ['GlobalMaxPooling1D', globalMax],
  ['GlobalMaxPooling2D', globalMax],
  [
    'BatchNormalization',
    {
      type: 'batch-normalization',
      keys: {
        ...affine,
        momentum: as('momentum'),
        moving_mean_initializer: begins('zeros'),
        moving_variance_initializer: begins('ones'),
        synchronized: only(false),
        renorm: only(false),
        renorm_clipping: ignored,
        renorm_momentum: ignored,
      },
    },
  ],
  ['LayerNormalization', { type: 'layer-normalization', keys: { ...affine, rms_scaling: only(false) } }],
  ['Dropout', { type: 'dropout', keys: { ...rate, noise_shape: only(null) } }],
  ['SpatialDropout1D', spatialDropout],
  ['SpatialDropout2D', spatialDropout],
  ['GaussianNoise', { type: 'gaussian-noise', keys: { stddev: as('deviation') } }],
  ['GaussianDropout', { type: 'gaussian-dropout', keys: rate }],
  ['SimpleRNN', { type: 'simple-rnn', keys: recurrence }],
  [
    'LSTM',
    {
      type: 'lstm',
      keys: { ...recurrence, recurrent_activation: recurrentActivation, unit_forget_bias: as('unitForgetBias') },
    },
  ],
  [
    'GRU',
    { type: 'gru', keys: { ...recurrence, recurrent_activation: recurrentActivation, reset_after: as('resetAfter') } },
  ],
  merge('add'),
  merge('subtract'),
  merge('multiply'),
  merge('average'),
  merge('maximum'),
  merge('minimum'),
  ['Concatenate', { type: 'concatenate', keys: { axis: as('axis') } }],
  ['Dot', { type: 'dot', keys: { axes: only(1, -1, [1, 1], [-1, -1]), normalize: only(false) } }],
  ['Flatten', { type: 'flatten', keys: {} }],
  ['Reshape', { type: 'reshape', keys: { target_shape: as('targetShape') } }],
  ['Permute', { type: 'permute', keys: { dims: as('dims') } }],
  ['RepeatVector', { type: 'repeat-vector', keys: { n: as('times') } }],
  ['ZeroPadding2D', { type: 'zero-padding2d', keys: { padding: as('padding') } }],
  ['Cropping2D', { type: 'cropping2d', keys: { cropping: as('cropping') } }],
  ['UpSampling1D', { type: 'up-sampling1d', keys: { size: single('size') } }],
  ['UpSampling2D', { type: 'up-sampling2d', keys: { size: as('size'), interpolation: as('interpolation') } }],
  ['Masking', { type: 'masking', keys: { mask_value: as('maskValue') } }],
])
