import { type Static, Type } from 'typebox'

const strict = { additionalProperties: false }
const sparsity = (description: string) => Type.Number({ minimum: 0, exclusiveMaximum: 1, description })
const step = (description: string) => Type.Integer({ minimum: 0, maximum: 100_000_000, description })
const initialSparsity = Type.Number({
  minimum: 0,
  exclusiveMaximum: 1,
  default: 0,
  description: 'Fraction removed at beginStep',
})
const frequency = Type.Integer({ minimum: 1, default: 100, description: 'Steps between mask updates' })
/** Absent where the granularity `n-of-m` or the selection says what is removed. */
const targetSparsity = Type.Optional(
  sparsity('Fraction removed; left out for granularity n-of-m and for selection threshold or shrinkage'),
)
const gradual = {
  initialSparsity,
  finalSparsity: sparsity('Fraction removed at endStep'),
  beginStep: step('First mask update'),
  endStep: Type.Integer({ minimum: 1, maximum: 100_000_000, description: 'Last mask update' }),
  frequency,
}

/** When masks are set anew, and how sparse they are then. */
export const SparsitySchedule = Type.Union([
  Type.Object(
    {
      kind: Type.Literal('one-shot'),
      finalSparsity: targetSparsity,
      beginStep: step('The mask is set before this step'),
    },
    strict,
  ),
  Type.Object(
    {
      kind: Type.Literal('constant'),
      finalSparsity: targetSparsity,
      beginStep: step('First mask update'),
      endStep: Type.Optional(step('Last mask update; default: the last step of the job')),
      frequency,
    },
    {
      ...strict,
      description: 'The same sparsity at every update, for selection `threshold` and for `regrow`',
    },
  ),
  Type.Object(
    {
      kind: Type.Literal('polynomial'),
      ...gradual,
      power: Type.Number({
        exclusiveMinimum: 0,
        maximum: 16,
        default: 3,
        description: '1: linear; larger: more at the start',
      }),
    },
    {
      ...strict,
      description:
        's = final + (initial − final) · (1 − (step − beginStep) / (endStep − beginStep))^power (Zhu & Gupta, 2017)',
    },
  ),
  Type.Object(
    { kind: Type.Literal('exponential'), ...gradual },
    {
      ...strict,
      description:
        's = 1 − (1 − initial) · ((1 − final) / (1 − initial))^p, p the share of the way: what is kept falls by a constant factor',
    },
  ),
  Type.Object(
    { kind: Type.Literal('cosine'), ...gradual },
    { ...strict, description: 's = final + (initial − final) · (1 + cos(π · p)) / 2, p the share of the way' },
  ),
  Type.Object(
    {
      kind: Type.Literal('multi-step'),
      milestones: Type.Array(
        Type.Object({ step: step('The mask is set before this step'), sparsity: sparsity('From there on') }, strict),
        { minItems: 1, maxItems: 1000, description: 'By ascending step and sparsity' },
      ),
    },
    strict,
  ),
  Type.Object(
    {
      kind: Type.Literal('iterative'),
      finalSparsity: sparsity('Fraction removed after the last round'),
      rounds: Type.Integer({ minimum: 1, maximum: 1000, description: 'Mask updates' }),
      beginStep: step('First mask update'),
      stepsPerRound: Type.Integer({ minimum: 1, maximum: 100_000_000, description: 'Training between two of them' }),
    },
    {
      ...strict,
      description:
        'Each round removes the same share of what is left: s = 1 − (1 − final)^(k / rounds) after round k (Frankle & Carbin, 2019)',
    },
  ),
])
/** Sparsity is the share of weights removed, 0 ≤ s < 1; steps count from 0, and a mask is set before its step. */
export type SparsitySchedule = Static<typeof SparsitySchedule>

/** Step of the first mask update. */
export function firstStepOf(schedule: SparsitySchedule): number {
  return schedule.kind === 'multi-step' ? (schedule.milestones[0]?.step ?? 0) : schedule.beginStep
}
