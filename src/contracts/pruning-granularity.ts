import { type Static, Type } from 'typebox'

const strict = { additionalProperties: false }
const pooling = (byDefault: 'l2' | 'mean') =>
  Type.Enum(['l2', 'sum', 'mean', 'max'], {
    default: byDefault,
    description:
      'How the scores of weights become one: root of the sum of squares, sum, mean, or the largest; for movement not `l2`, which loses their sign',
  })
const units = <K extends string>(kind: K, description: string) =>
  Type.Object(
    {
      kind: Type.Literal(kind),
      pooling: pooling('l2'),
      coupled: Type.Boolean({
        default: false,
        description: 'Also score the weights that take what the unit gives, not only those that make it',
      }),
    },
    { ...strict, description },
  )
const count = (description: string) => Type.Integer({ minimum: 1, maximum: 1024, description })

/** What is removed as one piece. */
export const PruningGranularity = Type.Union(
  [
    Type.Object({ kind: Type.Literal('element') }, { ...strict, description: 'Single weights (connections)' }),
    units('neuron', 'Units of dense, embedding and recurrent layers, with bias and what is coupled to them'),
    units('filter', 'Output channels of convolutions, with bias, normalization and what is coupled to them'),
    units('unit', 'Neurons and filters'),
    Type.Object(
      {
        kind: Type.Literal('block'),
        rows: count('Along the inputs of a weight'),
        columns: count('Along its outputs, the last axis'),
        pooling: pooling('mean'),
      },
      {
        ...strict,
        description:
          'Blocks of a weight seen as a matrix [inputs, outputs], from its first row and column; those at the far edges may be smaller',
      },
    ),
    Type.Object(
      {
        kind: Type.Literal('n-of-m'),
        keep: count('n: kept of every group'),
        of: Type.Integer({ minimum: 2, maximum: 1024, description: 'm: consecutive inputs of one output' }),
      },
      { ...strict, description: 'Of every m consecutive inputs of an output n are kept, such as 2 of 4' },
    ),
  ],
  { default: { kind: 'element' }, $id: 'PruningGranularity' },
)
export type PruningGranularity = Static<typeof PruningGranularity>
/** How the scores of single weights become that of a unit or block. */
export type Pooling = Extract<PruningGranularity, { kind: 'block' }>['pooling']

/** Whole units are removed, and not weights here and there. */
export function removesUnits({ kind }: PruningGranularity): boolean {
  return kind === 'neuron' || kind === 'filter' || kind === 'unit'
}
