import { type Static, Type } from 'typebox'

const strict = { additionalProperties: false }
const sparsity = (description: string) => Type.Number({ minimum: 0, exclusiveMaximum: 1, description })
const step = (description: string) => Type.Integer({ minimum: 0, description })

/** When masks are set anew, and how sparse they are then. */
export const SparsitySchedule = Type.Union([
  Type.Object(
    {
      kind: Type.Literal('one-shot'),
      finalSparsity: sparsity('Fraction removed'),
      beginStep: step('The mask is set before this step'),
    },
    strict,
  ),
  Type.Object(
    {
      kind: Type.Literal('polynomial'),
      initialSparsity: Type.Number({
        minimum: 0,
        exclusiveMaximum: 1,
        default: 0,
        description: 'Fraction removed at beginStep',
      }),
      finalSparsity: sparsity('Fraction removed at endStep'),
      beginStep: step('First mask update'),
      endStep: Type.Integer({ minimum: 1, description: 'Last mask update' }),
      frequency: Type.Integer({ minimum: 1, default: 100, description: 'Steps between mask updates' }),
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
])
/** Sparsity is the share of weights removed, 0 ≤ s < 1; steps count from 0, and a mask is set before its step. */
export type SparsitySchedule = Static<typeof SparsitySchedule>

const Patterns = (byDefault: string[], description: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 128 }), {
    default: byDefault,
    maxItems: 100,
    description,
    $id: 'LayerPatterns',
  })

/** Which weights are removed, and when. */
export const PruningSpec = Type.Object(
  {
    criterion: Type.Enum(['magnitude'], {
      default: 'magnitude',
      description: 'Score of a weight; the lowest are removed. `magnitude`: |w|',
    }),
    granularity: Type.Object({ kind: Type.Literal('element') }, { ...strict, default: { kind: 'element' } }),
    scope: Type.Enum(['layer', 'global'], {
      default: 'layer',
      description: '`layer`: every layer reaches the sparsity by itself; `global`: all layers are ranked together',
    }),
    schedule: SparsitySchedule,
    include: Patterns(['*'], 'Names of layers whose kernels are pruned; `*` stands for any characters'),
    exclude: Patterns([], 'Names of layers that are left alone'),
  },
  strict,
)
export type PruningSpec = Static<typeof PruningSpec>
/** Names of the scores that weights can be ranked by. */
export type CriterionName = PruningSpec['criterion']
/** What the sparsity is reached in: every layer by itself, or all of them together. */
export type PruningScope = PruningSpec['scope']
