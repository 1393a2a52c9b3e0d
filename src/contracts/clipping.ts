import { type Static, Type } from 'typebox'
import { modesWith } from './clipping-modes.js'

const strict = { additionalProperties: false }
const beginStep = Type.Integer({
  minimum: 0,
  maximum: 100_000_000,
  default: 0,
  description: 'The threshold is constant before this step',
})
const endStep = Type.Optional(
  Type.Integer({ minimum: 1, maximum: 100_000_000, description: 'Default: the number of steps of the job' }),
)
const finalFraction = Type.Number({
  minimum: 1e-6,
  maximum: 1e6,
  description: 'Threshold at endStep in multiples of the one before beginStep; above 1 clipping grows laxer',
})
const course = { beginStep, endStep, finalFraction }

/** How the threshold of a mode changes over the steps; t = (step − beginStep) / (endStep − beginStep), f = finalFraction. */
export const ThresholdSchedule = Type.Union(
  [
    Type.Object({ kind: Type.Literal('constant') }, strict),
    Type.Object({ kind: Type.Literal('linear'), ...course }, { ...strict, description: '1 + (f − 1) · t' }),
    Type.Object({ kind: Type.Literal('exponential'), ...course }, { ...strict, description: 'f^t' }),
    Type.Object(
      { kind: Type.Literal('cosine'), ...course },
      { ...strict, description: 'f + (1 − f) · ½ (1 + cos(π · t))' },
    ),
  ],
  {
    default: { kind: 'constant' },
    $id: 'ThresholdSchedule',
    description:
      'Multiplies maxValue, maxNorm, maxRms, clipFactor, percentile (at most 100), zThreshold or growthFactor, whichever the mode has',
  },
)
export type ThresholdSchedule = Static<typeof ThresholdSchedule>

// To watch what mode none does would tell nothing.
const [, ...watchedModes] = modesWith({
  name: Type.Optional(
    Type.String({ minLength: 1, maxLength: 64, description: 'In the report; default: mode and place in the list' }),
  ),
})
/** A mode that is evaluated on the raw gradients of every step without being applied. */
export const ShadowSpec = Type.Union([...watchedModes], { $id: 'ShadowSpec' })
export type ShadowSpec = Static<typeof ShadowSpec>

/** Most shadows that a job may have. */
export const MAX_SHADOWS = 8

const common = {
  thresholdSchedule: ThresholdSchedule,
  onNonFinite: Type.Enum(['fail', 'skip', 'zero', 'rollback'], {
    default: 'fail',
    $id: 'NonFinitePolicy',
    description:
      'What happens when a gradient is NaN or infinite. `fail`: the job ends and names step and layer; `skip`: the step changes nothing; `zero`: such entries count as 0; `rollback`: back to the last checkpoint with a smaller learning rate',
  }),
  nonFiniteBudget: Type.Optional(
    Type.Integer({
      $id: 'NonFiniteBudget',
      minimum: 0,
      maximum: 1_000_000,
      description: 'Occurrences that are tolerated before the job fails; default 10, for `rollback` 3',
    }),
  ),
  learningRateFactor: Type.Number({
    minimum: 1e-6,
    maximum: 1,
    default: 0.5,
    description: '`rollback` only: multiplies the learning rate each time',
  }),
  shadow: Type.Array(ShadowSpec, {
    default: [],
    maxItems: MAX_SHADOWS,
    description: 'Modes that are evaluated on the same gradients without being applied: what they would have done',
  }),
}

/** What is done to the gradients of a step before the optimizer uses them. */
export const ClippingSpec = Type.Union([...modesWith(common)], {
  default: { mode: 'none' },
  $id: 'ClippingSpec',
})
export type ClippingSpec = Static<typeof ClippingSpec>
/** What happens when a gradient is NaN or infinite. */
export type NonFinitePolicy = ClippingSpec['onNonFinite']

/** Non-finite gradients that a job tolerates, 0 for policy `fail`: the next one fails it. */
export function nonFiniteBudgetOf({
  onNonFinite,
  nonFiniteBudget,
}: Pick<ClippingSpec, 'onNonFinite' | 'nonFiniteBudget'>): number {
  if (onNonFinite === 'fail') return 0
  return nonFiniteBudget ?? (onNonFinite === 'rollback' ? 3 : 10)
}
