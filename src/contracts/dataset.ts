import { type Static, Type } from 'typebox'
import { DatasetId, Timestamp } from './ids.js'

const strict = { additionalProperties: false }

export const BUILTIN_DATASETS = ['mnist'] as const
export type BuiltinDatasetName = (typeof BUILTIN_DATASETS)[number]

export const CreateBuiltinDataset = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
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
  Type.Object({ kind: Type.Literal('number'), size: Type.Integer({ minimum: 1 }) }, strict),
])
export type DatasetTarget = Static<typeof Target>

/** What a job needs to know of a dataset before it runs. The tensors lie in one safetensors object: `<split>.features`, `<split>.labels`. */
export const DatasetSchema = Type.Object(
  {
    exampleShape: Type.Array(Type.Integer({ minimum: 1 }), { description: '[columns] or [height, width, channels]' }),
    featureType: Type.Enum(['float32', 'uint8']),
    columns: Type.Union([Type.Array(Type.String()), Type.Null()], {
      description: 'Names of the feature columns of a table',
    }),
    target: Target,
    trainRows: Type.Integer({ minimum: 1 }),
    testRows: Type.Integer({ minimum: 0 }),
  },
  strict,
)
export type DatasetSchema = Static<typeof DatasetSchema>

export const Dataset = Type.Object(
  {
    id: DatasetId,
    name: Type.String(),
    status: Type.Enum(['ready'], {
      description: 'Data are checked and stored before the answer, so a dataset that exists is ready',
    }),
    source: Type.String({ description: '`builtin:mnist` or `upload:<file name>`' }),
    schema: DatasetSchema,
    bytes: Type.Integer(),
    sha256: Type.String({ description: 'Of the prepared tensors' }),
    createdAt: Timestamp,
  },
  { ...strict, $id: 'Dataset' },
)
export type Dataset = Static<typeof Dataset>
