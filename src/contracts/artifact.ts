import { type Static, Type } from 'typebox'
import { Timestamp } from './ids.js'

/** A file that a finished job leaves. */
export const Artifact = Type.Object(
  {
    name: Type.String({ examples: ['weights.safetensors'] }),
    mediaType: Type.String({ description: 'IANA media type', examples: ['application/octet-stream'] }),
    bytes: Type.Integer({ minimum: 0, description: 'Size' }),
    sha256: Type.String({ description: 'In hex' }),
    createdAt: Timestamp,
  },
  { additionalProperties: false, $id: 'Artifact' },
)
export type Artifact = Static<typeof Artifact>

/** State of a run that an attempt can go on from. */
export const Checkpoint = Type.Object(
  {
    step: Type.Integer({
      minimum: 0,
      description: 'Updates done when it was taken; 0: before the first',
    }),
    attempt: Type.Integer({ minimum: 1, description: 'The execution that took it, counted from 1' }),
    bytes: Type.Integer({ minimum: 0, description: 'Size' }),
    sha256: Type.String({ description: 'In hex' }),
    createdAt: Timestamp,
  },
  { additionalProperties: false, $id: 'Checkpoint' },
)
export type Checkpoint = Static<typeof Checkpoint>
