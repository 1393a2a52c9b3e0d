import { type Static, Type } from 'typebox'
import { DatasetId, Timestamp } from './ids.js'

const strict = { additionalProperties: false }

const BUILTIN_DATASETS = ['mnist'] as const
/** Datasets that come with the service. */
export type BuiltinDatasetName = (typeof BUILTIN_DATASETS)[number]

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
    source: Type.Object({ kind: Type.Literal('builtin'), name: Type.Enum([...BUILTIN_DATASETS]) }, strict),
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
])
/** What is to be predicted: a class, or numbers. */
export type DatasetTarget = Static<typeof Target>

/** What a job needs to know of a dataset before it runs. The tensors lie in one safetensors object: `<split>.features`, `<split>.labels`. */
export const DatasetSchema = Type.Object(
  {
    exampleShape: Type.Array(Type.Integer({ minimum: 1 }), { description: '[columns] or [height, width, channels]' }),
    featureType: Type.Enum(['float32', 'uint8'], { description: 'As stored; training computes in float32' }),
    columns: Type.Union([Type.Array(Type.String()), Type.Null()], {
      description: 'Names of the feature columns of a table',
    }),
    target: Target,
    trainRows: Type.Integer({ minimum: 1, description: 'Rows of the training split' }),
    testRows: Type.Integer({ minimum: 0, description: 'Rows of the test split; 0: it has none' }),
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
    source: Type.String({ description: '`builtin:mnist` or `upload:<file name>`' }),
    schema: DatasetSchema,
    bytes: Type.Integer({ minimum: 1, description: 'Size of the prepared tensors' }),
    sha256: Type.String({ description: 'Of the prepared tensors, in hex' }),
    createdAt: Timestamp,
  },
  { ...strict, $id: 'Dataset' },
)
export type Dataset = Static<typeof Dataset>
