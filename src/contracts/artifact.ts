import { type Static, Type } from 'typebox'
import { Timestamp } from './ids.js'

export const Artifact = Type.Object(
  {
    name: Type.String({ examples: ['weights.safetensors'] }),
    mediaType: Type.String(),
    bytes: Type.Integer(),
    sha256: Type.String(),
    createdAt: Timestamp,
  },
  { additionalProperties: false, $id: 'Artifact' },
)
export type Artifact = Static<typeof Artifact>

export const Checkpoint = Type.Object(
  {
    step: Type.Integer({ description: 'Updates done when it was taken' }),
    attempt: Type.Integer(),
    bytes: Type.Integer(),
    sha256: Type.String(),
    createdAt: Timestamp,
  },
  { additionalProperties: false, $id: 'Checkpoint' },
)
export type Checkpoint = Static<typeof Checkpoint>
