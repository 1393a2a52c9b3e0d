import { asList, asRecord, asText, type Json } from '../json.js'

type Translate = (config: Json) => Json

const kebab = (name: unknown): string => asText(name).replaceAll('_', '-')
/** Keras writes windows of one axis as lists of one number. */
const single = (value: unknown): unknown => (Array.isArray(value) && value.length === 1 ? value[0] : value)

const finish: Translate = ({ activation, use_bias: useBias }) => ({ activation: kebab(activation), useBias })
const convolution: Translate = (config) => ({
  filters: config.filters,
  kernelSize: single(config.kernel_size),
  strides: single(config.strides),
  padding: config.padding,
  ...finish(config),
})
const dilated: Translate = (config) => ({ ...convolution(config), dilation: single(config.dilation_rate) })
const pooling: Translate = (config) => ({
  poolSize: single(config.pool_size),
  strides: single(config.strides),
  padding: config.padding,
})
const normalization: Translate = ({ epsilon, center, scale }) => ({ epsilon, center, scale })
const recurrent: Translate = (config) => ({
  units: config.units,
  returnSequences: config.return_sequences,
  goBackwards: config.go_backwards,
  ...finish(config),
})
const gated: Translate = (config) => ({
  ...recurrent(config),
  recurrentActivation: kebab(config.recurrent_activation),
})
const none: Translate = () => ({})
const merge: Translate = () => ({ inputs: ['input', 'input'] })
const withAxis: Translate = ({ axis }) => ({ axis })

const TRANSLATE: Readonly<Record<string, readonly [string, Translate]>> = {
  Dense: ['dense', (config) => ({ units: config.units, ...finish(config) })],
  Activation: ['activation', ({ activation }) => ({ activation: kebab(activation) })],
  Conv1D: ['conv1d', (config) => ({ ...dilated(config), groups: config.groups })],
  Conv2D: ['conv2d', (config) => ({ ...dilated(config), groups: config.groups })],
  Conv3D: ['conv3d', convolution],
  DepthwiseConv2D: [
    'depthwise-conv2d',
    (config) => ({ ...without(dilated(config), 'filters'), depthMultiplier: config.depth_multiplier }),
  ],
  SeparableConv2D: ['separable-conv2d', (config) => ({ ...dilated(config), depthMultiplier: config.depth_multiplier })],
  Conv2DTranspose: ['conv2d-transpose', convolution],
  MaxPooling1D: ['max-pooling1d', pooling],
  MaxPooling2D: ['max-pooling2d', pooling],
  AveragePooling1D: ['average-pooling1d', pooling],
  AveragePooling2D: ['average-pooling2d', pooling],
  MaxPooling3D: [
    'max-pooling3d',
    ({ pool_size, strides, padding }) => ({ poolSize: first(pool_size), strides: first(strides), padding }),
  ],
  GlobalAveragePooling1D: ['global-average-pooling', none],
  GlobalAveragePooling2D: ['global-average-pooling', none],
  GlobalMaxPooling1D: ['global-max-pooling', none],
  GlobalMaxPooling2D: ['global-max-pooling', none],
  BatchNormalization: ['batch-normalization', (config) => ({ momentum: config.momentum, ...normalization(config) })],
  LayerNormalization: ['layer-normalization', normalization],
  Embedding: ['embedding', (config) => ({ inputSize: config.input_dim, outputSize: config.output_dim })],
  SimpleRNN: ['simple-rnn', recurrent],
  LSTM: ['lstm', gated],
  GRU: ['gru', (config) => ({ ...gated(config), resetAfter: config.reset_after })],
  Bidirectional: [
    'bidirectional',
    ({ layer, merge_mode }) => ({
      layer: inner(layer),
      mergeMode: { concat: 'concat', sum: 'sum', mul: 'multiply', ave: 'average' }[asText(merge_mode)],
    }),
  ],
  TimeDistributed: ['time-distributed', ({ layer }) => ({ layer: inner(layer) })],
  Add: ['add', merge],
  Subtract: ['subtract', merge],
  Multiply: ['multiply', merge],
  Average: ['average', merge],
  Maximum: ['maximum', merge],
  Minimum: ['minimum', merge],
  Concatenate: ['concatenate', (config) => ({ ...merge(config), ...withAxis(config) })],
  Dot: ['dot', merge],
  Flatten: ['flatten', none],
  Reshape: ['reshape', ({ target_shape }) => ({ targetShape: target_shape })],
  Permute: ['permute', ({ dims }) => ({ dims })],
  RepeatVector: ['repeat-vector', ({ n }) => ({ times: n })],
  ZeroPadding2D: ['zero-padding2d', ({ padding }) => ({ padding })],
  Cropping2D: ['cropping2d', ({ cropping }) => ({ cropping })],
  UpSampling1D: ['up-sampling1d', ({ size }) => ({ size })],
  UpSampling2D: ['up-sampling2d', ({ size, interpolation }) => ({ size, interpolation })],
  PReLU: ['prelu', ({ shared_axes }) => ({ sharedAxes: shared_axes ?? [] })],
  ELU: ['elu', ({ alpha }) => ({ alpha })],
  LeakyReLU: ['leaky-relu', ({ negative_slope }) => ({ negativeSlope: negative_slope })],
  ReLU: [
    'relu',
    ({ max_value, negative_slope, threshold }) => ({
      ...(max_value === null ? {} : { maxValue: max_value }),
      negativeSlope: negative_slope,
      threshold,
    }),
  ],
  Softmax: ['softmax', withAxis],
  Dropout: ['dropout', ({ rate }) => ({ rate })],
  SpatialDropout1D: ['spatial-dropout', ({ rate }) => ({ rate })],
  SpatialDropout2D: ['spatial-dropout', ({ rate }) => ({ rate })],
  GaussianNoise: ['gaussian-noise', ({ stddev }) => ({ deviation: stddev })],
  GaussianDropout: ['gaussian-dropout', ({ rate }) => ({ rate })],
  Masking: ['masking', ({ mask_value }) => ({ maskValue: mask_value })],
}

/** A layer of a Keras configuration in Espalier's form; null for a class that Espalier lacks. */
export function fromKeras(className: string, config: Json): Json | null {
  const entry = TRANSLATE[className]
  if (!entry) return null
  const [type, translate] = entry
  return { type, ...translate(config) }
}

function inner(value: unknown): Json {
  const { class_name, config } = asRecord(value)
  const layer = fromKeras(asText(class_name), asRecord(config))
  if (!layer) throw new Error(`no inner layer ${asText(class_name)}`)
  return layer
}

const first = (value: unknown): unknown => asList(value)[0]

function without(record: Json, name: string): Json {
  return Object.fromEntries(Object.entries(record).filter(([key]) => key !== name))
}
