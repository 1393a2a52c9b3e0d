import { type Static, Type } from 'typebox'
import { DatasetId, Timestamp } from './ids.js'

const strict = { additionalProperties: false }

const BUILTIN_DATASETS = ['mnist', 'temporal-order'] as const
/** Datasets that come with the service. */
export type BuiltinDatasetName = (typeof BUILTIN_DATASETS)[number]

/** Characters a window of a text has: its features, and as many labels. */
export const SequenceLength = { minimum: 2, maximum: 4096 } as const
/** Share of a text's characters, its end, that becomes the test split. */
export const TestFraction = { minimum: 0, maximum: 0.9 } as const

const BuiltinSource = Type.Object(
  {
    kind: Type.Literal('builtin'),
    name: Type.Enum([...BUILTIN_DATASETS]),
    rows: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000_000,
        description: 'temporal-order: training sequences; default 10000',
      }),
    ),
    testRows: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 1_000_000, description: 'temporal-order: test sequences; default 1000' }),
    ),
    length: Type.Optional(
      Type.Integer({ minimum: 10, maximum: 1000, description: 'temporal-order: symbols a sequence; default 50' }),
    ),
    seed: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 2_147_483_647, description: 'temporal-order: of the draw; default 0' }),
    ),
  },
  strict,
)
/** Which dataset that comes with the service, and the options of that one; an option of another one is refused. */
export type BuiltinSource = Static<typeof BuiltinSource>

/** Body of a request for a dataset that comes with the service. */
export const CreateBuiltinDataset = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        description: 'Default: the name that the data are known by, such as MNIST',
      }),
    ),
    source: BuiltinSource,
  },
  { ...strict, $id: 'CreateBuiltinDataset' },
)
export type CreateBuiltinDataset = Static<typeof CreateBuiltinDataset>

const Target = Type.Union([
  Type.Object(
    { kind: Type.Literal('classes'), names: Type.Array(Type.String(), { description: 'Label i stands for names[i]' }) },
    strict,
  ),
  Type.Object(
    { kind: Type.Literal('number'), size: Type.Integer({ minimum: 1, description: 'Numbers an example' }) },
    strict,
  ),
  Type.Object(
    {
      kind: Type.Literal('labels'),
      names: Type.Array(Type.String(), {
        minItems: 1,
        description: 'Any number of them hold for an example: column i, 0 or 1, says whether names[i] does',
      }),
    },
    strict,
  ),
  Type.Object(
    {
      kind: Type.Literal('tokens'),
      vocabulary: Type.Array(Type.String(), { minItems: 1, description: 'Token i stands for vocabulary[i]' }),
      length: Type.Integer({
        minimum: 1,
        description: 'Tokens an example; each is to be predicted from those before it',
      }),
    },
    strict,
  ),
])
/**
 * What is to be predicted, and how `<split>.labels` hold it: a class (int32 [rows]), numbers (float32 [rows, size]), labels of which any
 * number hold (float32 0 or 1 [rows, names]), or at each place the token that comes next (int32 [rows, length]).
 */
export type DatasetTarget = Static<typeof Target>

/**
 * What a job needs to know of a dataset before it runs. The tensors lie in one safetensors object: `<split>.features`
 * [rows, …exampleShape], `<split>.labels`, and `train.weights` float32 [rows] where there are weights.
 */
export const DatasetSchema = Type.Object(
  {
    exampleShape: Type.Array(Type.Integer({ minimum: 1 }), {
      description: '[columns], [time], [time, features] or [height, width, channels]',
    }),
    featureType: Type.Enum(['float32', 'uint8', 'int32'], {
      description:
        'As stored; training computes in float32. int32: ids of tokens, which are looked up and not computed with',
    }),
    vocabularySize: Type.Optional(
      Type.Integer({ minimum: 1, description: 'Only of int32 features: the ids are 0 to vocabularySize − 1' }),
    ),
    columns: Type.Union([Type.Array(Type.String()), Type.Null()], {
      description: 'Names of the feature columns of a table, in the row-major order of exampleShape',
    }),
    target: Target,
    targetColumns: Type.Optional(
      Type.Array(Type.String(), {
        minItems: 1,
        description: 'Only of a table: names of the columns that are to be predicted, in the order of the labels',
      }),
    ),
    trainRows: Type.Integer({ minimum: 1, description: 'Rows of the training split' }),
    testRows: Type.Integer({ minimum: 0, description: 'Rows of the test split; 0: it has none' }),
    classCounts: Type.Optional(
      Type.Array(Type.Integer({ minimum: 0 }), {
        description: 'Only of classes: training rows of each, in the order of target.names',
      }),
    ),
    labelRange: Type.Optional(
      Type.Object(
        { minimum: Type.Number(), maximum: Type.Number() },
        { ...strict, description: 'Only of numbers: the smallest and the largest label of all training rows' },
      ),
    ),
    hasWeights: Type.Optional(Type.Boolean({ description: 'Training rows have weights; absent: they have none' })),
  },
  strict,
)
export type DatasetSchema = Static<typeof DatasetSchema>

/** A dataset that jobs can be trained on. It never changes. */
export const Dataset = Type.Object(
  {
    id: DatasetId,
    name: Type.String(),
    status: Type.Enum(['ready'], {
      description: 'Data are checked and stored before the answer, so a dataset that exists is ready',
    }),
    source: Type.String({
      description: '`builtin:<name>`, with its options where it is generated, or `upload:<file name>`',
    }),
    schema: DatasetSchema,
    bytes: Type.Integer({ minimum: 1, description: 'Size of the prepared tensors' }),
    sha256: Type.String({ description: 'Of the prepared tensors, in hex' }),
    createdAt: Timestamp,
  },
  { ...strict, $id: 'Dataset' },
)
export type Dataset = Static<typeof Dataset>
