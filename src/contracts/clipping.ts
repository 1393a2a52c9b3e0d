import { type Static, Type } from 'typebox'
import { SMALLEST_FLOAT32 } from './float32.js'

const strict = { additionalProperties: false }
const onNonFinite = Type.Enum(['fail'], {
  default: 'fail',
  description: 'What happens when a gradient is NaN or infinite: `fail` ends the job and names step and layer',
})
const bound = (description: string) => Type.Number({ minimum: SMALLEST_FLOAT32, maximum: 3.4e38, description })
const maxNorm = bound('Largest norm that is left as it is')

/** What is done to the gradients of a step before the optimizer uses them. */
export const ClippingSpec = Type.Union(
  [
    Type.Object({ mode: Type.Literal('none'), onNonFinite }, strict),
    Type.Object(
      { mode: Type.Literal('value'), maxValue: bound('Largest absolute value that is left as it is'), onNonFinite },
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
