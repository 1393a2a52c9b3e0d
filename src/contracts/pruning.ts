import { type Static, Type } from 'typebox'
import { CRITERIA, CRITERION_NAMES } from './pruning-criterion.js'
import { PruningGranularity } from './pruning-granularity.js'
import { SparsitySchedule } from './sparsity-schedule.js'

const strict = { additionalProperties: false }

const Patterns = (byDefault: string[], description: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 128 }), {
    default: byDefault,
    maxItems: 100,
    description,
    $id: 'LayerPatterns',
  })
const alpha = Type.Number({ exclusiveMinimum: 0, maximum: 3.4e38, description: 'α' })

const Selection = Type.Union(
  [
    Type.Object({ kind: Type.Literal('sparsity') }, { ...strict, description: 'As many as the schedule says' }),
    Type.Object(
      { kind: Type.Literal('threshold'), alpha },
      { ...strict, description: 'All whose score is below α: |w| < α for criterion magnitude' },
    ),
    Type.Object(
      { kind: Type.Literal('shrinkage'), alpha },
      {
        ...strict,
        description:
          'w ← w · max(0, α − |w|) at the one update of the schedule: keeps small values and removes large ones, see the guide before using it; criterion magnitude for weights, activation for the outputs of units',
      },
    ),
  ],
  { default: { kind: 'sparsity' } },
)

const Regrow = Type.Object(
  {
    by: Type.Enum(['gradient', 'random'], {
      description: '`gradient`: where |g| is largest (RigL, Evci et al., 2020); `random`: SET (Mocanu et al., 2018)',
    }),
    fraction: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      default: 0.3,
      description: 'Share of the weights kept that is exchanged at an update',
    }),
    decay: Type.Enum(['cosine', 'constant'], {
      default: 'cosine',
      description: 'Of the fraction: by a cosine to 0 at endStep, or none',
    }),
  },
  {
    ...strict,
    description:
      'Each update removes the lowest weights and brings back as many removed ones, at 0; needs granularity element and schedule constant',
  },
)

/** Which weights are removed, and when. */
export const PruningSpec = Type.Object(
  {
    criterion: Type.Enum(CRITERION_NAMES, {
      default: 'magnitude',
      description: `Score; the lowest are removed. ${CRITERION_NAMES.map((name) => `\`${name}\`: ${CRITERIA[name].description}`).join('; ')}`,
    }),
    granularity: PruningGranularity,
    scope: Type.Enum(['layer', 'global'], {
      default: 'layer',
      description: '`layer`: every layer reaches the sparsity by itself; `global`: all layers are ranked together',
    }),
    distribution: Type.Enum(['uniform', 'er', 'erk'], {
      default: 'uniform',
      description:
        'In scope `layer`: the same sparsity everywhere, or more for large layers (Erdős–Rényi, of the last two axes or of all), the same in sum',
    }),
    normalization: Type.Optional(
      Type.Enum(['none', 'sum', 'mean', 'max', 'l2'], {
        description:
          'In scope `global`: what the scores of a layer are divided by; default: none, or mean for criteria whose scores differ in kind between layers (wanda, activation, fpgm)',
      }),
    ),
    layerSparsity: Type.Object(
      {
        min: Type.Number({ minimum: 0, exclusiveMaximum: 1, default: 0, description: 'Of every layer, at the end' }),
        max: Type.Number({ minimum: 0, maximum: 1, default: 1, description: 'Of every layer' }),
      },
      { ...strict, default: {}, description: 'Bounds for single layers, whatever the scope' },
    ),
    roundTo: Type.Integer({
      minimum: 1,
      maximum: 256,
      default: 1,
      description: 'Units that a layer keeps are a multiple of this, by keeping more',
    }),
    selection: Selection,
    schedule: SparsitySchedule,
    regrow: Type.Optional(Regrow),
    rewind: Type.Optional(
      Type.Object(
        { toStep: Type.Integer({ minimum: 0, maximum: 100_000_000, description: 'Before the first mask update' }) },
        {
          ...strict,
          description:
            'After each update the weights that are left go back to what they were before this step, and optimizer slots to 0 (lottery tickets; Frankle et al., 2020)',
        },
      ),
    ),
    calibration: Type.Object(
      {
        rows: Type.Integer({
          minimum: 1,
          maximum: 1_000_000,
          default: 1024,
          description: 'Training rows, drawn by the seed, that gradients and activations are measured on',
        }),
      },
      { ...strict, default: {} },
    ),
    include: Patterns(['*'], 'Names of layers, or of weights such as `lstm-1/recurrent-kernel`; `*`: any characters'),
    exclude: Patterns([], 'Names of layers or weights that are left alone'),
    compact: Type.Optional(
      Type.Boolean({
        description:
          'Units that do nothing any more are removed and the network is rebuilt smaller, with equal outputs; default: true for neuron, filter and unit, else false',
      }),
    ),
  },
  { ...strict, $id: 'PruningSpec' },
)
export type PruningSpec = Static<typeof PruningSpec>
/** What the sparsity is reached in: every layer by itself, or all of them together. */
export type PruningScope = PruningSpec['scope']
/** How the sparsity is spread over layers in scope `layer`. */
export type SparsityDistribution = PruningSpec['distribution']
/** What scores of a layer are divided by before layers are ranked together. */
export type ScoreNormalization = NonNullable<PruningSpec['normalization']>
