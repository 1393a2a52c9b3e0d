import { Type } from 'typebox'
import { strict, wiring } from './fields.js'

const merging = {
  ...wiring,
  inputs: Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { minItems: 2, maxItems: 32 }),
}

export const AddLayer = Type.Object({ type: Type.Literal('add'), ...merging }, strict)
export const SubtractLayer = Type.Object(
  { type: Type.Literal('subtract'), ...merging },
  { ...strict, description: 'First input − second' },
)
export const MultiplyLayer = Type.Object({ type: Type.Literal('multiply'), ...merging }, strict)
export const AverageLayer = Type.Object({ type: Type.Literal('average'), ...merging }, strict)
export const MaximumLayer = Type.Object({ type: Type.Literal('maximum'), ...merging }, strict)
export const MinimumLayer = Type.Object({ type: Type.Literal('minimum'), ...merging }, strict)
export const ConcatenateLayer = Type.Object(
  {
    type: Type.Literal('concatenate'),
    ...merging,
    axis: Type.Integer({ minimum: -4, maximum: 4, default: -1, description: 'The batch axis is 0' }),
  },
  strict,
)
export const DotLayer = Type.Object(
  { type: Type.Literal('dot'), ...merging },
  { ...strict, description: 'Σ a · b of two vectors an example: [n], [n] → [1]' },
)
