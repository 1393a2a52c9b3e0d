import { type Static, Type } from 'typebox'
import { METRICS } from './training-job.js'

/**
 * Series recorded at every step: `loss`, `accuracy`, `learningRate`, `gradientNorm` (L2, before clipping), `clipScale` (smallest factor applied to a
 * tensor, 1 = untouched; for mode `value` the ratio of the norms), `clipped` (0 or 1), `sparsity`. At the end of an epoch: `validation.loss`, …
 */
export const MetricSeries = Type.Object(
  {
    name: Type.String({ examples: ['loss'] }),
    steps: Type.Array(Type.Integer({ minimum: 0 }), { description: 'From 0, ascending' }),
    values: Type.Array(Type.Number(), { description: 'values[i] belongs to steps[i]' }),
  },
  { additionalProperties: false, $id: 'MetricSeries' },
)
export type MetricSeries = Static<typeof MetricSeries>

const RECORDED_MEANS = ['loss', ...METRICS] as const

/** Names of all the series that a job can have. */
export const SERIES_NAMES: readonly string[] = [
  ...RECORDED_MEANS,
  ...['learningRate', 'gradientNorm', 'clipScale', 'clipped', 'sparsity'],
  ...RECORDED_MEANS.map((name) => `validation.${name}`),
]

/** Which points of which series are asked for. */
export const MetricsQuery = Type.Object({
  names: Type.Optional(
    Type.String({ maxLength: 1000, description: `Comma-separated, default all; of ${SERIES_NAMES.join(', ')}` }),
  ),
  fromStep: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 2_147_483_647, description: 'Inclusive; default 0, the first step' }),
  ),
  toStep: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 2_147_483_647,
      description: 'Exclusive, not below fromStep; default: to the end',
    }),
  ),
  points: Type.Optional(
    Type.Integer({
      minimum: 4,
      maximum: 100_000,
      description: 'At most so many points a series; the extremes of each bucket are kept',
    }),
  ),
})
