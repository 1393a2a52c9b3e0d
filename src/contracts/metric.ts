import { type Static, Type } from 'typebox'
import { METRICS } from './metric-name.js'

/**
 * Series recorded at every step: `loss`, `accuracy`, `learningRate`, `gradientNorm` (L2, before clipping), `clipScale` (smallest factor applied to a
 * tensor, 1 = untouched; for mode `value` the ratio of the norms), `clipped` (0 or 1), `sparsity`. At the end of an epoch: `validation.loss`, …
 *
 * `clipping.<layer>.…`, at most 2,000 points in a job: `norm` and `normAfter` (L2 over the gradients of the layer, before and after clipping), `scale`
 * (their ratio), `engaged` (0 or 1); for `value` and `adaptive` also `clippedShare` (of the elements) and `cosine` (to the raw gradient).
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

/** Names of the series that a job can have, without those of its layers. */
export const SERIES_NAMES: readonly string[] = [
  ...RECORDED_MEANS,
  ...['learningRate', 'gradientNorm', 'clipScale', 'clipped', 'sparsity'],
  ...RECORDED_MEANS.map((name) => `validation.${name}`),
]

/** What is recorded of the gradients of one layer. */
export const LAYER_SERIES = ['norm', 'normAfter', 'scale', 'engaged', 'clippedShare', 'cosine'] as const
/** One of `LAYER_SERIES`. */
export type LayerSeries = (typeof LAYER_SERIES)[number]

/** Name of a series of a layer: `clipping.dense-1.norm`. */
export function layerSeriesName(layer: string, series: LayerSeries): string {
  return `clipping.${layer}.${series}`
}

const LAYER_SERIES_NAME = new RegExp(`^clipping\\.[A-Za-z0-9_-]{1,64}\\.(?:${LAYER_SERIES.join('|')})$`)

/** Whether a job can have a series of this name. */
export function isSeriesName(name: string): boolean {
  return SERIES_NAMES.includes(name) || LAYER_SERIES_NAME.test(name)
}

/** Which points of which series are asked for. */
export const MetricsQuery = Type.Object({
  names: Type.Optional(
    Type.String({
      maxLength: 8000,
      description: `Comma-separated; of ${SERIES_NAMES.join(', ')} (default: all of these) and, of each layer, clipping.<layer>.<series> with ${LAYER_SERIES.join(', ')}`,
    }),
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
