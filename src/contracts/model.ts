import { type Static, Type } from 'typebox'
import { JobId, ModelId } from './ids.js'
import { ActivationLayer, EluLayer, LeakyReluLayer, PreluLayer, ReluLayer, SoftmaxLayer } from './layers/activation.js'
import {
  Conv1dLayer,
  Conv2dLayer,
  Conv2dTransposeLayer,
  Conv3dLayer,
  DepthwiseConv2dLayer,
  SeparableConv2dLayer,
} from './layers/convolution.js'
import { DenseLayer, EmbeddingLayer } from './layers/dense.js'
import { Extent, strict } from './layers/fields.js'
import {
  AddLayer,
  AverageLayer,
  ConcatenateLayer,
  DotLayer,
  MaximumLayer,
  MinimumLayer,
  MultiplyLayer,
  SubtractLayer,
} from './layers/merge.js'
import { DropoutLayer, GaussianDropoutLayer, GaussianNoiseLayer, SpatialDropoutLayer } from './layers/noise.js'
import { BatchNormalizationLayer, LayerNormalizationLayer } from './layers/normalization.js'
import {
  AveragePooling1dLayer,
  AveragePooling2dLayer,
  GlobalAveragePoolingLayer,
  GlobalMaxPoolingLayer,
  MaxPooling1dLayer,
  MaxPooling2dLayer,
  MaxPooling3dLayer,
} from './layers/pooling.js'
import { BidirectionalLayer, GruLayer, LstmLayer, SimpleRnnLayer } from './layers/recurrent.js'
import {
  Cropping2dLayer,
  FlattenLayer,
  MaskingLayer,
  PermuteLayer,
  RepeatVectorLayer,
  ReshapeLayer,
  UpSampling1dLayer,
  UpSampling2dLayer,
  ZeroPadding2dLayer,
} from './layers/shape.js'
import { TimeDistributedLayer } from './layers/time-distributed.js'

const Layer = Type.Union(
  [
    DenseLayer,
    EmbeddingLayer,
    ActivationLayer,
    ReluLayer,
    LeakyReluLayer,
    EluLayer,
    PreluLayer,
    SoftmaxLayer,
    Conv1dLayer,
    Conv2dLayer,
    Conv3dLayer,
    DepthwiseConv2dLayer,
    SeparableConv2dLayer,
    Conv2dTransposeLayer,
    MaxPooling1dLayer,
    MaxPooling2dLayer,
    MaxPooling3dLayer,
    AveragePooling1dLayer,
    AveragePooling2dLayer,
    GlobalAveragePoolingLayer,
    GlobalMaxPoolingLayer,
    BatchNormalizationLayer,
    LayerNormalizationLayer,
    DropoutLayer,
    SpatialDropoutLayer,
    GaussianNoiseLayer,
    GaussianDropoutLayer,
    SimpleRnnLayer,
    LstmLayer,
    GruLayer,
    BidirectionalLayer,
    TimeDistributedLayer,
    AddLayer,
    SubtractLayer,
    MultiplyLayer,
    AverageLayer,
    MaximumLayer,
    MinimumLayer,
    ConcatenateLayer,
    DotLayer,
    FlattenLayer,
    ReshapeLayer,
    PermuteLayer,
    RepeatVectorLayer,
    ZeroPadding2dLayer,
    Cropping2dLayer,
    UpSampling1dLayer,
    UpSampling2dLayer,
    MaskingLayer,
  ],
  { $id: 'Layer' },
)
/** One layer of a model, each with the defaults of its type filled in. */
export type Layer = Static<typeof Layer>
export type LayerType = Layer['type']
/** The layer of one type. */
export type LayerOf<T extends LayerType> = Extract<Layer, { type: T }>

const PRESETS = [
  'lenet-300-100',
  'lenet-5',
  'mlp',
  'resnet-8',
  'resnet-20',
  'vgg-small',
  'lstm-classifier',
  'char-rnn',
  'text-cnn',
] as const
/** Models that are known by name. */
export type PresetName = (typeof PRESETS)[number]

const PresetModel = Type.Object(
  { kind: Type.Literal('preset'), name: Type.Enum([...PRESETS]) },
  {
    ...strict,
    description: 'Input shape, outputs and vocabulary come from the dataset where the preset leaves them open',
  },
)
/** A model as layers in order, each of which takes the one before, or the earlier ones that its `inputs` name. The last gives the output. */
export const LayersModel = Type.Object(
  {
    kind: Type.Literal('layers'),
    inputShape: Type.Array(Extent('Extent'), {
      minItems: 1,
      maxItems: 4,
      description:
        'How the model sees an example, without the batch axis: [features], [time, features] or [height, width, channels]; any shape with as many numbers as `exampleShape` of the dataset',
    }),
    layers: Type.Array(Layer, { minItems: 1, maxItems: 500 }),
  },
  strict,
)
export type LayersModel = Static<typeof LayersModel>
const KerasModel = Type.Object(
  {
    kind: Type.Literal('keras'),
    topology: Type.Record(Type.String(), Type.Unknown(), {
      description:
        'What `model.to_json()` of Keras 2 or 3 gives, as an object: a Sequential or Functional model with one input and one output',
    }),
  },
  strict,
)
const ArtifactModel = Type.Object(
  { kind: Type.Literal('artifact'), jobId: Type.Optional(JobId), modelId: Type.Optional(ModelId) },
  {
    ...strict,
    description:
      'A finished network, with whose weights training begins. `jobId`: what a job of this project has delivered, smaller or not; inputs are normalized as they were there, and it must have succeeded with `safetensors` among its exports. `modelId`: a model that was uploaded. Exactly one of both',
  },
)
/** A model that a job has delivered, or that was uploaded; exactly one id. */
export type ArtifactModel = Static<typeof ArtifactModel>
/** The model of a job: by name, layer by layer, as Keras writes it, or what another job has delivered. */
export const ModelSpec = Type.Union([PresetModel, LayersModel, KerasModel, ArtifactModel], { $id: 'ModelSpec' })
export type ModelSpec = Static<typeof ModelSpec>
