import { type Static, Type } from 'typebox'

const strict = { additionalProperties: false }
const onNonFinite = Type.Enum(['fail'], {
  default: 'fail',
  description: 'What happens when a gradient is NaN or infinite: `fail` ends the job and names step and layer',
})
const maxNorm = Type.Number({ exclusiveMinimum: 0, maximum: 3.4e38 })

export const ClippingSpec = Type.Union(
  [
    Type.Object({ mode: Type.Literal('none'), onNonFinite }, strict),
    Type.Object(
      { mode: Type.Literal('value'), maxValue: Type.Number({ exclusiveMinimum: 0, maximum: 3.4e38 }), onNonFinite },
      { ...strict, description: 'g ← min(max(g, −maxValue), maxValue)' },
    ),
    Type.Object(
      { mode: Type.Literal('norm'), maxNorm, onNonFinite },
      { ...strict, description: 'Per tensor: g ← g · min(1, maxNorm / ‖g‖₂)' },
    ),
    Type.Object(
      {
        mode: Type.Literal('global-norm'),
        maxNorm,
        p: Type.Enum([1, 2, 3, 'infinity'], { default: 2, description: 'Order of the norm' }),
        onNonFinite,
      },
      { ...strict, description: 'All tensors together: g ← g · min(1, maxNorm / ‖(g₁, g₂, …)‖ₚ)' },
    ),
  ],
  { default: { mode: 'none' } },
)
export type ClippingSpec = Static<typeof ClippingSpec>
export type ClippingMode = ClippingSpec['mode']
