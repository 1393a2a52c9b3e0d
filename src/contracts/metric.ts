import { type Static, Type } from 'typebox'
import { METRICS } from './metric-name.js'

/**
 * Series recorded at every step: `loss`, `accuracy`, `learningRate`, `gradientNorm` (L2, before clipping), `clipScale` (smallest factor applied to a
 * tensor, 1 = untouched; for `adaptive` to a unit; for `value` the ratio of the norms of a tensor), `clipped` (0 or 1), `sparsity`. At the end of an epoch: `validation.loss`, …
 * Of a sensitivity scan, whose steps are its measurements: `loss`, metrics, and `sparsity`, the share of the scanned weights that is removed.
 *
 * Of a job that clips also `gradientNormAfter` (L2, after clipping), `clipThreshold` (the one in force; no point where there is none) and `clipCosine`
 * (between all raw and all clipped gradients, 0 to 1), but for `value` and `adaptive` the norm and the cosine only at every k-th step.
 *
 * `clipping.<layer>.…`, at most 2,000 points in a job: `norm` and `normAfter` (L2 over the gradients of the layer, before and after clipping), `scale`
 * (their ratio), `engaged` (0 or 1); for the modes that can turn the gradient of a layer (`value`, `adaptive`, `norm`, `block-rms`, `ada-gc`) `cosine` (to
 * the raw gradient), and for `value` and `adaptive` `clippedShare` (of the elements). Of these two, all but `norm` and `engaged` come at every k-th step
 * only, in a job of more than 50 steps.
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

/** What a job that clips records besides, of all gradients together. */
export const LEDGER_SERIES = ['gradientNormAfter', 'clipThreshold', 'clipCosine'] as const
/** One of `LEDGER_SERIES`. */
export type LedgerSeries = (typeof LEDGER_SERIES)[number]

/** Names of the series that a job can have, without those of its layers. */
export const SERIES_NAMES: readonly string[] = [
  ...RECORDED_MEANS,
  ...['learningRate', 'gradientNorm', 'clipScale', 'clipped', 'sparsity'],
  ...LEDGER_SERIES,
  ...RECORDED_MEANS.map((name) => `validation.${name}`),
]

/** What is recorded of the gradients of one layer. */
export const LAYER_SERIES = ['norm', 'normAfter', 'scale', 'engaged', 'clippedShare', 'cosine'] as const
/** One of `LAYER_SERIES`. */
export type LayerSeries = (typeof LAYER_SERIES)[number]

/** Series of layers begin with it, and no others do. */
export const LAYER_SERIES_PREFIX = 'clipping.'

/** Name of a series of a layer: `clipping.dense-1.norm`. */
export function layerSeriesName(layer: string, series: LayerSeries): string {
  return `${LAYER_SERIES_PREFIX}${layer}.${series}`
}

/** Layer and series of such a name; names of layers have no point in them. */
export function partsOfLayerSeries(name: string): { layer: string; series: string } {
  const [layer = '', series = ''] = name.slice(LAYER_SERIES_PREFIX.length).split('.')
  return { layer, series }
}

const LAYER_AND_SERIES = new RegExp(`^[A-Za-z0-9_-]{1,64}\\.(?:${LAYER_SERIES.join('|')})$`)

/** Whether a job with such a layer can have a series of this name. */
export function isLayerSeries(name: string): boolean {
  return name.startsWith(LAYER_SERIES_PREFIX) && LAYER_AND_SERIES.test(name.slice(LAYER_SERIES_PREFIX.length))
}

/** Whether a job can have a series of this name. */
export function isSeriesName(name: string): boolean {
  return SERIES_NAMES.includes(name) || isLayerSeries(name)
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
