import { type Static, Type } from 'typebox'

/**
 * Series recorded at every step: `loss`, `accuracy`, `learningRate`, `gradientNorm` (L2, before clipping), `clipScale` (smallest factor applied to a
 * tensor, 1 = untouched; for mode `value` the ratio of the norms), `clipped` (0 or 1), `sparsity`. At the end of an epoch: `validation.loss`, …
 */
export const MetricSeries = Type.Object(
  { name: Type.String(), steps: Type.Array(Type.Integer()), values: Type.Array(Type.Number()) },
  { additionalProperties: false, $id: 'MetricSeries' },
)
export type MetricSeries = Static<typeof MetricSeries>

export const MetricsQuery = Type.Object({
  names: Type.Optional(Type.String({ maxLength: 1000, description: 'Comma-separated; default all' })),
  fromStep: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647 })),
  toStep: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647, description: 'Exclusive' })),
  points: Type.Optional(
    Type.Integer({
      minimum: 4,
      maximum: 100_000,
      description: 'At most so many points a series; the extremes of each bucket are kept',
    }),
  ),
})
