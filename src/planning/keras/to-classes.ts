import type { ActivationName } from '../../contracts/layers/fields.js'
import type { Layer, LayerType } from '../../contracts/model.js'

/** Keras 3 writes what its own loader reads; TensorFlow.js reads what Keras 2 wrote, and has fewer layers. */
export type Dialect = 'keras' | 'tfjs'

export interface KerasLayer {
  readonly class_name: string
  readonly config: Readonly<Record<string, unknown>>
}

type LayerOf<T extends LayerType> = Extract<Layer, { type: T }>
type Describe<T extends LayerType> = (layer: LayerOf<T>, dialect: Dialect, rank: number) => KerasLayer | Refused

/** Why a dialect cannot say what a layer does. */
export interface Refused {
  readonly refused: string
}

const refused = (reason: string): Refused => ({ refused: reason })
const layer = (class_name: string, config: Record<string, unknown> = {}): KerasLayer => ({ class_name, config })

const ACTIVATIONS: Readonly<Record<ActivationName, { keras: string; tfjs: string | null }>> = {
  linear: { keras: 'linear', tfjs: 'linear' },
  relu: { keras: 'relu', tfjs: 'relu' },
  relu6: { keras: 'relu6', tfjs: 'relu6' },
  'leaky-relu': { keras: 'leaky_relu', tfjs: null },
  elu: { keras: 'elu', tfjs: 'elu' },
  selu: { keras: 'selu', tfjs: 'selu' },
  gelu: { keras: 'gelu', tfjs: null },
  sigmoid: { keras: 'sigmoid', tfjs: 'sigmoid' },
  // hard_sigmoid of Keras 2, and so of TensorFlow.js, is another function.
  'hard-sigmoid': { keras: 'hard_sigmoid', tfjs: null },
  'log-sigmoid': { keras: 'log_sigmoid', tfjs: null },
  tanh: { keras: 'tanh', tfjs: 'tanh' },
  'hard-tanh': { keras: 'hard_tanh', tfjs: null },
  softplus: { keras: 'softplus', tfjs: 'softplus' },
  softsign: { keras: 'softsign', tfjs: 'softsign' },
  silu: { keras: 'silu', tfjs: 'swish' },
  'hard-silu': { keras: 'hard_silu', tfjs: null },
  mish: { keras: 'mish', tfjs: 'mish' },
  exponential: { keras: 'exponential', tfjs: null },
  softmax: { keras: 'softmax', tfjs: 'softmax' },
  'log-softmax': { keras: 'log_softmax', tfjs: null },
}

/** The names of the activations in a dialect, or the first that it lacks. */
function withActivations(
  fields: Readonly<Record<string, ActivationName>>,
  dialect: Dialect,
  describe: (names: Record<string, string>) => KerasLayer | Refused,
): KerasLayer | Refused {
  const names: Record<string, string> = {}
  for (const [field, activation] of Object.entries(fields)) {
    const name = ACTIVATIONS[activation][dialect]
    if (name === null) return refused(`has no activation ${activation}`)
    names[field] = name
  }
  return describe(names)
}

const both = (window: number | readonly number[], count = 2): number[] =>
  typeof window === 'number' ? Array.from({ length: count }, () => window) : [...window]

interface Window {
  readonly kernelSize: number | readonly number[]
  readonly strides: number | readonly number[]
  readonly padding: string
  readonly useBias: boolean
}

const windowOf = ({ kernelSize, strides, padding, useBias }: Window, count = 2) => ({
  kernel_size: both(kernelSize, count),
  strides: both(strides, count),
  padding,
  use_bias: useBias,
})

const pooling =
  <T extends LayerType>(class_name: string, count: number) =>
  (own: LayerOf<T> & { poolSize: number | number[]; strides?: number | number[]; padding: string }): KerasLayer =>
    layer(class_name, {
      pool_size: both(own.poolSize, count),
      strides: both(own.strides ?? own.poolSize, count),
      padding: own.padding,
    })

const merge = (class_name: string) => (): KerasLayer => layer(class_name)

interface Recurrent {
  readonly units: number
  readonly activation: ActivationName
  readonly useBias: boolean
  readonly returnSequences: boolean
  readonly goBackwards: boolean
}

const recurrence = ({ units, useBias, returnSequences, goBackwards }: Recurrent) => ({
  ...{ units, use_bias: useBias, return_sequences: returnSequences, go_backwards: goBackwards },
})

const normalization = ({ epsilon, center, scale }: { epsilon: number; center: boolean; scale: boolean }) => ({
  ...{ axis: -1, epsilon, center, scale },
})

const grouped = 'has no groups in convolutions'

const CLASSES: { readonly [T in LayerType]: Describe<T> } = {
  dense: ({ units, useBias, activation }, dialect) =>
    withActivations({ activation }, dialect, (names) => layer('Dense', { units, use_bias: useBias, ...names })),
  embedding: ({ inputSize, outputSize }) => layer('Embedding', { input_dim: inputSize, output_dim: outputSize }),
  activation: ({ activation }, dialect) =>
    withActivations({ activation }, dialect, (names) => layer('Activation', names)),
  relu: ({ maxValue = null, negativeSlope, threshold }, dialect) => {
    if (dialect === 'keras') return layer('ReLU', { max_value: maxValue, negative_slope: negativeSlope, threshold })
    if (negativeSlope !== 0 || threshold !== 0) return refused('has no slope or threshold in ReLU')
    return layer('ReLU', { max_value: maxValue })
  },
  'leaky-relu': ({ negativeSlope }, dialect) =>
    layer('LeakyReLU', dialect === 'keras' ? { negative_slope: negativeSlope } : { alpha: negativeSlope }),
  elu: ({ alpha }, dialect) =>
    dialect === 'tfjs' && alpha !== 1 ? refused('has no alpha but 1 in ELU') : layer('ELU', { alpha }),
  prelu: ({ sharedAxes }) => layer('PReLU', { shared_axes: sharedAxes.length > 0 ? [...sharedAxes] : null }),
  softmax: ({ axis }) => layer('Softmax', { axis }),
  conv1d: (own, dialect) => {
    if (dialect === 'tfjs' && own.groups > 1) return refused(grouped)
    if (dialect === 'tfjs' && own.padding === 'causal') return refused('has no causal padding')
    return withActivations({ activation: own.activation }, dialect, (names) =>
      layer('Conv1D', {
        ...{ filters: own.filters, ...windowOf(own, 1), dilation_rate: [own.dilation], ...names },
        ...(own.groups > 1 ? { groups: own.groups } : {}),
      }),
    )
  },
  conv2d: (own, dialect) => {
    if (dialect === 'tfjs' && own.groups > 1) return refused(grouped)
    return withActivations({ activation: own.activation }, dialect, (names) =>
      layer('Conv2D', {
        ...{ filters: own.filters, ...windowOf(own), dilation_rate: both(own.dilation), ...names },
        ...(own.groups > 1 ? { groups: own.groups } : {}),
      }),
    )
  },
  conv3d: (own, dialect) =>
    withActivations({ activation: own.activation }, dialect, (names) =>
      layer('Conv3D', { filters: own.filters, ...windowOf(own, 3), ...names }),
    ),
  'depthwise-conv2d': (own, dialect) =>
    withActivations({ activation: own.activation }, dialect, (names) =>
      layer('DepthwiseConv2D', {
        ...{ depth_multiplier: own.depthMultiplier, ...windowOf(own), dilation_rate: both(own.dilation), ...names },
      }),
    ),
  'separable-conv2d': (own, dialect) =>
    withActivations({ activation: own.activation }, dialect, (names) =>
      layer('SeparableConv2D', {
        ...{ filters: own.filters, depth_multiplier: own.depthMultiplier, ...windowOf(own) },
        ...{ dilation_rate: both(own.dilation), ...names },
      }),
    ),
  'conv2d-transpose': (own, dialect) =>
    withActivations({ activation: own.activation }, dialect, (names) =>
      layer('Conv2DTranspose', { filters: own.filters, ...windowOf(own), ...names }),
    ),
  'max-pooling1d': pooling('MaxPooling1D', 1),
  'average-pooling1d': pooling('AveragePooling1D', 1),
  'max-pooling2d': pooling('MaxPooling2D', 2),
  'average-pooling2d': pooling('AveragePooling2D', 2),
  'max-pooling3d': pooling('MaxPooling3D', 3),
  'global-average-pooling': (_, __, rank) => layer(`GlobalAveragePooling${rank - 1}D`),
  'global-max-pooling': (_, __, rank) => layer(`GlobalMaxPooling${rank - 1}D`),
  add: merge('Add'),
  subtract: (_, dialect) => (dialect === 'tfjs' ? refused('has no layer Subtract') : layer('Subtract')),
  multiply: merge('Multiply'),
  average: merge('Average'),
  maximum: merge('Maximum'),
  minimum: merge('Minimum'),
  concatenate: ({ axis }) => layer('Concatenate', { axis }),
  dot: () => layer('Dot', { axes: 1, normalize: false }),
  dropout: ({ rate }) => layer('Dropout', { rate }),
  'spatial-dropout': ({ rate }, dialect, rank) => {
    if (rank === 3 && dialect === 'tfjs') return refused('has no layer SpatialDropout2D')
    return layer(`SpatialDropout${rank - 1}D`, { rate })
  },
  'gaussian-noise': ({ deviation }) => layer('GaussianNoise', { stddev: deviation }),
  'gaussian-dropout': ({ rate }) => layer('GaussianDropout', { rate }),
  'batch-normalization': (own) => layer('BatchNormalization', { ...normalization(own), momentum: own.momentum }),
  'layer-normalization': (own) => layer('LayerNormalization', normalization(own)),
  'simple-rnn': (own, dialect) =>
    withActivations({ activation: own.activation }, dialect, (names) =>
      layer('SimpleRNN', { ...recurrence(own), ...names }),
    ),
  lstm: (own, dialect) =>
    withActivations({ activation: own.activation, recurrent_activation: own.recurrentActivation }, dialect, (names) =>
      layer('LSTM', { ...recurrence(own), ...names, unit_forget_bias: own.unitForgetBias }),
    ),
  gru: (own, dialect) => {
    if (dialect === 'tfjs' && own.resetAfter) return refused('has no GRU with resetAfter')
    return withActivations(
      { activation: own.activation, recurrent_activation: own.recurrentActivation },
      dialect,
      (names) => layer('GRU', { ...recurrence(own), ...names, reset_after: own.resetAfter }),
    )
  },
  bidirectional: ({ layer: inner, mergeMode }, dialect) => {
    const forward = describeLayer({ ...inner, name: 'forward' }, dialect, 2)
    if ('refused' in forward) return forward
    const mode = { concat: 'concat', sum: 'sum', multiply: 'mul', average: 'ave' }[mergeMode]
    return layer('Bidirectional', { layer: wrapped(forward, inner.type, dialect), merge_mode: mode })
  },
  'time-distributed': ({ layer: inner }, dialect, rank) => {
    const described = describeLayer({ ...inner, name: 'inner' } as Layer, dialect, rank - 1)
    if ('refused' in described) return described
    return layer('TimeDistributed', { layer: wrapped(described, inner.type, dialect) })
  },
  flatten: () => layer('Flatten'),
  reshape: ({ targetShape }) => layer('Reshape', { target_shape: [...targetShape] }),
  permute: ({ dims }) => layer('Permute', { dims: [...dims] }),
  'repeat-vector': ({ times }) => layer('RepeatVector', { n: times }),
  'zero-padding2d': ({ padding }) => layer('ZeroPadding2D', { padding: margins(padding) }),
  cropping2d: ({ cropping }) => layer('Cropping2D', { cropping: margins(cropping) }),
  'up-sampling1d': ({ size }, dialect) =>
    dialect === 'tfjs' ? refused('has no layer UpSampling1D') : layer('UpSampling1D', { size }),
  'up-sampling2d': ({ size, interpolation }, dialect) =>
    // Without half-pixel centres: other numbers.
    dialect === 'tfjs' && interpolation === 'bilinear'
      ? refused('interpolates otherwise when bilinear')
      : layer('UpSampling2D', { size: both(size), interpolation }),
  masking: (_, dialect) =>
    // Keras hands a mask to the layers after it, which then skip steps.
    refused(
      dialect === 'keras' ? 'masks steps in later layers too, which Espalier does not' : 'masks later layers too',
    ),
}

/** Class and config of a layer without its name. `rank`: axes of its input, without the batch. */
export function describeLayer(own: Layer, dialect: Dialect, rank: number): KerasLayer | Refused {
  // The entry of a type takes the layer of that type, which a union of functions cannot say.
  return (CLASSES[own.type] as Describe<LayerType>)(own as never, dialect, rank)
}

function wrapped({ class_name, config }: KerasLayer, type: LayerType, dialect: Dialect) {
  const named = { name: type.replaceAll('-', '_'), trainable: true, ...config }
  return dialect === 'tfjs'
    ? { class_name, config: named }
    : { module: 'keras.layers', class_name, config: named, registered_name: null }
}

function margins(value: number | readonly (readonly number[])[]): number[][] {
  return typeof value === 'number' ? [0, 1].map(() => [value, value]) : value.map((pair) => [...pair])
}
