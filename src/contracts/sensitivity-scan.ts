import { type Static, Type } from 'typebox'
import { PruningSpec } from './pruning.js'

const strict = { additionalProperties: false }
const { criterion, granularity, calibration, include, exclude } = PruningSpec.properties

/** What a job is for. */
export const JOB_KINDS = ['training', 'sensitivity-scan'] as const

/** What a sensitivity scan removes of each layer by itself; nothing is trained, and everything is put back. */
export const SensitivityScan = Type.Object(
  {
    sparsities: Type.Array(Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 }), {
      minItems: 1,
      maxItems: 100,
      uniqueItems: true,
      default: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99],
      description: 'Fractions that are removed of each layer, one after the other; kept in ascending order',
    }),
    ...{ criterion, granularity, calibration, include, exclude },
    dropWithin: Type.Number({
      minimum: 0,
      maximum: 1,
      default: 0.01,
      description:
        'What the advice tolerates: a loss of accuracy of so much (0.01: one point in a hundred), or, where `accuracy` is not among the metrics, a rise of the loss by this share of it',
    }),
  },
  {
    ...strict,
    $id: 'SensitivityScan',
    description:
      'Of kind `sensitivity-scan` only, which has it by default: what is removed, layer by layer, and put back',
  },
)
export type SensitivityScan = Static<typeof SensitivityScan>
