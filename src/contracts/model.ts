import { type Static, Type } from 'typebox'

const strict = { additionalProperties: false }
const Extent = (description: string) => Type.Integer({ minimum: 1, maximum: 65_536, description })

/** Becomes part of the names of weights, so it is kept to letters, digits, `_` and `-`. */
const name = Type.Optional(
  Type.String({
    pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$',
    description: 'Unique in the model; default: type and position, such as `dense-2`',
  }),
)
const Window = (description: string) =>
  Type.Union([Extent(description), Type.Tuple([Extent('height'), Extent('width')])])

/** Names of the activations, `linear` first, which changes nothing. */
export const ACTIVATIONS = ['linear', 'relu', 'sigmoid', 'tanh', 'softmax'] as const
/** `softmax` goes over the last axis; the others work element by element. */
export type ActivationName = (typeof ACTIVATIONS)[number]
const activation = Type.Enum([...ACTIVATIONS], { default: 'linear' })
const padding = Type.Enum(['valid', 'same'], {
  default: 'valid',
  description: '`valid`: no padding; `same`: output extent = ⌈input extent / stride⌉',
})
const kernelInitializer = Type.Enum(['glorot-uniform', 'he-normal'], { default: 'glorot-uniform' })
const useBias = Type.Boolean({ default: true })

const DenseLayer = Type.Object(
  { type: Type.Literal('dense'), name, units: Extent('Outputs'), activation, useBias, kernelInitializer },
  { ...strict, description: 'y = activation(x · kernel + bias); kernel [inputs, units]' },
)
const Conv2dLayer = Type.Object(
  {
    type: Type.Literal('conv2d'),
    name,
    filters: Extent('Output channels'),
    kernelSize: Window('Height and width'),
    strides: Type.Union([Extent('Height and width'), Type.Tuple([Extent('height'), Extent('width')])], { default: 1 }),
    padding,
    activation,
    useBias,
    kernelInitializer,
  },
  { ...strict, description: 'Channels last; kernel [height, width, in, out]' },
)
const pooling = {
  poolSize: Type.Union([Extent('Height and width'), Type.Tuple([Extent('height'), Extent('width')])], { default: 2 }),
  strides: Type.Optional(Window('Default: poolSize')),
  padding,
}
const MaxPooling2dLayer = Type.Object({ type: Type.Literal('max-pooling2d'), name, ...pooling }, strict)
const AveragePooling2dLayer = Type.Object({ type: Type.Literal('average-pooling2d'), name, ...pooling }, strict)
const FlattenLayer = Type.Object(
  { type: Type.Literal('flatten'), name },
  { ...strict, description: 'Row-major, channels last' },
)
const ActivationLayer = Type.Object(
  { type: Type.Literal('activation'), name, activation: Type.Enum([...ACTIVATIONS]) },
  strict,
)

const Layer = Type.Union([
  DenseLayer,
  Conv2dLayer,
  MaxPooling2dLayer,
  AveragePooling2dLayer,
  FlattenLayer,
  ActivationLayer,
])
/** One layer of a model, each with the defaults of its type filled in. */
export type Layer = Static<typeof Layer>
type LayerType = Layer['type']
/** The layer of one type. */
export type LayerOf<T extends LayerType> = Extract<Layer, { type: T }>

const PRESETS = ['lenet-300-100', 'lenet-5'] as const
/** Models that are known by name. */
export type PresetName = (typeof PRESETS)[number]

const PresetModel = Type.Object({ kind: Type.Literal('preset'), name: Type.Enum([...PRESETS]) }, strict)
/** A model as a chain of layers, the first of which takes examples of `inputShape`. */
export const LayersModel = Type.Object(
  {
    kind: Type.Literal('layers'),
    inputShape: Type.Array(Extent('Extent'), {
      minItems: 1,
      maxItems: 3,
      description: 'Shape of one example, without the batch axis: [features] or [height, width, channels]',
    }),
    layers: Type.Array(Layer, { minItems: 1, maxItems: 200 }),
  },
  strict,
)
export type LayersModel = Static<typeof LayersModel>
/** The model of a job: by name, or layer by layer. */
export const ModelSpec = Type.Union([PresetModel, LayersModel])
export type ModelSpec = Static<typeof ModelSpec>
