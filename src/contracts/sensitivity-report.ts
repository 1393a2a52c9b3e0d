import { type Static, Type } from 'typebox'
import { PruningSpec } from './pruning.js'
import { SensitivityScan } from './sensitivity-scan.js'

const strict = { additionalProperties: false }
const count = (description: string) => Type.Integer({ minimum: 0, description })
const share = (description: string) => Type.Number({ minimum: 0, maximum: 1, description: `${description}, 0 to 1` })
const orNull = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T, description: string) =>
  Type.Union([schema, Type.Null()], { description })
const Means = Type.Record(Type.String(), Type.Number())

const effect = {
  removed: count('Weights that are 0 by the mask, biases and normalization not counted'),
  means: orNull(Means, 'Loss and metrics; null where the loss is not finite'),
  drop: orNull(
    Type.Number(),
    'Against the dense network: accuracy lost, or rise of the loss as a share of it (see `judgedBy`); below 0 where it got better; null where the loss is not finite',
  ),
}
const tolerated = share(
  'Highest scanned sparsity up to which no scanned one drops by more than `dropWithin`; 0 if the lowest does already',
)

/** The network with one layer, or all, at one sparsity. */
export const SensitivityPoint = Type.Object(
  { sparsity: Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1, description: 'Asked for' }), ...effect },
  { ...strict, $id: 'SensitivityPoint' },
)
export type SensitivityPoint = Static<typeof SensitivityPoint>

const curve = {
  weights: count('Weights that the scan could remove one or another of'),
  zeros: count('Of them, that are 0 in the dense network already'),
  points: Type.Array(SensitivityPoint, { description: 'By ascending sparsity' }),
  tolerated,
  meanDrop: orNull(Type.Number(), 'Mean of the drops over the points; null where one of them is null'),
}

/** What becomes of the network when one layer, or a group of layers whose units are coupled, loses weights. */
export const LayerSensitivity = Type.Object(
  {
    layer: Type.String({ description: 'Its name; of a group all of them', examples: ['dense-1', 'conv-1, conv-2'] }),
    pieces: count('What goes as a whole: weights, blocks, units'),
    ...curve,
    verdict: Type.String({ description: 'What the curve means, in words' }),
  },
  strict,
)
export type LayerSensitivity = Static<typeof LayerSensitivity>

/** Accuracy and loss against sparsity, layer by layer, of a finished network without training it again. */
export const SensitivityReport = Type.Object(
  {
    scan: SensitivityScan,
    evaluatedOn: Type.Enum(['validation', 'test', 'train'], {
      description: 'The rows held out, else the test split, else the rows to train on',
    }),
    rows: Type.Integer({ minimum: 1, description: 'Rows of each measurement' }),
    judgedBy: Type.Enum(['accuracy', 'loss'], { description: 'What `drop` and `dropWithin` are about' }),
    dense: Means,
    layers: Type.Array(LayerSensitivity, { description: 'In the order of the model' }),
    together: Type.Object(curve, { ...strict, description: 'All those layers at once, each at the same sparsity' }),
    advised: Type.Object(
      { sparsity: share('Share of the weights that is removed'), ...effect },
      {
        ...strict,
        description: 'All those layers at once, each at the sparsity that it tolerates by itself: whether they add up',
      },
    ),
    mostSensitive: Type.String({
      description: 'The layer that tolerates least; of equal ones that with the most drop',
    }),
    leastSensitive: Type.String({ description: 'The layer that tolerates most' }),
    suggestion: orNull(
      PruningSpec,
      'For `pruning` of a job that goes on from this network: the highest uniform sparsity that was measured to be tolerated; null if there is none',
    ),
    verdicts: Type.Array(Type.String(), { description: 'What the figures mean, in sentences' }),
  },
  { ...strict, $id: 'SensitivityReport' },
)
export type SensitivityReport = Static<typeof SensitivityReport>
