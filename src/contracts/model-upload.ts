import { type Static, Type } from 'typebox'
import { ModelId, Timestamp } from './ids.js'
import { LayersModel } from './model.js'

const strict = { additionalProperties: false }

/** Formats in which a model may come, told by content. */
export const MODEL_FORMATS = ['keras', 'tfjs', 'safetensors'] as const

/** A finished model that came as a file. It never changes. */
export const UploadedModel = Type.Object(
  {
    id: ModelId,
    name: Type.String(),
    format: Type.Enum([...MODEL_FORMATS], { description: 'What the file was' }),
    model: LayersModel,
    parameters: Type.Integer({ minimum: 0, description: 'Numbers that are trained' }),
    bytes: Type.Integer({ minimum: 1, description: 'Size of the stored weights' }),
    sha256: Type.String({ description: 'Of the stored weights, in hex' }),
    createdAt: Timestamp,
  },
  { ...strict, $id: 'UploadedModel' },
)
export type UploadedModel = Static<typeof UploadedModel>
