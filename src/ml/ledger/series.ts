import type { ClippingSpec } from '../../contracts/clipping.js'
import { type LayerSeries, layerSeriesName } from '../../contracts/metric.js'
import { isUneven } from './outputs.js'

/** Most points that a series of a layer has in a whole job. */
export const MAX_POINTS = 2000

/** What there is to say of each layer, by mode: without clipping the norm is all. */
export function seriesOf(mode: ClippingSpec['mode']): readonly LayerSeries[] {
  if (mode === 'none') return ['norm']
  return ['norm', 'normAfter', 'scale', 'engaged', ...(isUneven(mode) ? (['clippedShare', 'cosine'] as const) : [])]
}

/** Reads the figures of the layers, as they stand, at every `stride`-th step: at most `MAX_POINTS` in `steps`. */
export function makeSeries(
  layerNames: readonly string[],
  mode: ClippingSpec['mode'],
  steps: number,
  figures: Readonly<Record<LayerSeries, Float64Array>>,
): (step: number) => Record<string, number> {
  const stride = Math.max(1, Math.ceil(steps / MAX_POINTS))
  const columns = seriesOf(mode).map((series) => ({
    names: layerNames.map((layer) => layerSeriesName(layer, series)),
    values: figures[series],
  }))
  return (step) => {
    const values: Record<string, number> = {}
    if (step % stride !== 0) return values
    for (const column of columns)
      column.names.forEach((name, layer) => {
        values[name] = column.values[layer] ?? 0
      })
    return values
  }
}
