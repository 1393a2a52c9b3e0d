import { type Static, Type } from 'typebox'
import { EnginePins } from './engine-pins.js'

const strict = { additionalProperties: false }
const sha256 = (description: string) =>
  Type.String({ pattern: '^[0-9a-f]{64}$', description: `SHA-256 in hex: ${description}` })

/** Evidence that a smaller network gives what the masked one gave. */
export const Certificate = Type.Object(
  {
    step: Type.Integer({ minimum: 0, description: 'Updates done when the network was rebuilt' }),
    split: Type.Enum(['test', 'validation', 'train'], { description: 'Of the dataset, that the examples are from' }),
    rows: Type.Integer({ minimum: 1, description: 'Examples compared' }),
    largestDifference: Type.Number({
      minimum: 0,
      description: 'Largest |compact − masked| over all outputs, divided by the largest |masked|',
    }),
    tolerance: Type.Number({ exclusiveMinimum: 0, description: 'What it may be' }),
    changedPredictions: Type.Integer({
      minimum: 0,
      description: 'Examples with another prediction: class, labels or token; 0 for numbers',
    }),
    holds: Type.Boolean({ description: 'The difference is within the tolerance' }),
    inputsSha256: sha256('the examples, as they are fed'),
    maskedSha256: sha256('masked.safetensors'),
    compactSha256: sha256('compacted.safetensors'),
    pins: EnginePins,
  },
  { ...strict, $id: 'Certificate' },
)
export type Certificate = Static<typeof Certificate>
