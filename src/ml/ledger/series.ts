import type { ClippingSpec } from '../../contracts/clipping.js'
import { type LayerSeries, type LedgerSeries, layerSeriesName } from '../../contracts/metric.js'
import { isUneven, turnsLayers } from '../transforms/figures.js'
import type { JointStep } from './joint.js'

/** Most points that a series of a layer has in a whole job. */
export const MAX_POINTS = 2000

/** What there is to say of each layer, by mode: without clipping the norm is all. */
export function seriesOf(mode: ClippingSpec['mode']): readonly LayerSeries[] {
  if (mode === 'none') return ['norm']
  const clippedShare = isUneven(mode) ? (['clippedShare'] as const) : []
  const cosine = turnsLayers(mode) ? (['cosine'] as const) : []
  return ['norm', 'normAfter', 'scale', 'engaged', ...clippedShare, ...cosine]
}

/** Of all gradients together, what a step has besides the figures of every mode: nothing without clipping, and only what was measured. */
export function jointSeries(
  mode: ClippingSpec['mode'],
  { threshold, change }: JointStep,
): Partial<Record<LedgerSeries, number>> {
  if (mode === 'none') return {}
  const isBound = threshold > 0 && threshold < Number.POSITIVE_INFINITY
  return {
    ...(isBound && { clipThreshold: threshold }),
    ...(change && { gradientNormAfter: change.normAfter, clipCosine: change.cosine }),
  }
}

/** A job has at least so many steps in which everything is measured, or all of its steps. */
const FEWEST_MEASURED = 50
/** A step in which everything is measured may take three times as long: at every 200th, a hundredth. */
const RARELY = 200

/**
 * In every how many steps, from step 0, everything is measured that a mode does to the gradients. For `value` and `adaptive` that is dear: it takes
 * passes over the gradients that clipping itself does not need.
 */
export function measuredEvery(mode: ClippingSpec['mode'], steps: number): number {
  if (!isUneven(mode)) return 1
  return Math.max(strideOf(steps), Math.min(RARELY, Math.ceil(steps / FEWEST_MEASURED)))
}

function strideOf(steps: number): number {
  return Math.max(1, Math.ceil(steps / MAX_POINTS))
}

/** Series that need more than a quick step says of an uneven mode. */
const MEASURED: readonly LayerSeries[] = ['normAfter', 'scale', 'clippedShare', 'cosine']

/** Reads the figures of the layers, as they stand, at every so many steps: at most `MAX_POINTS` in `steps`. */
export function makeSeries(
  layerNames: readonly string[],
  mode: ClippingSpec['mode'],
  steps: number,
  figures: Readonly<Record<LayerSeries, Float64Array>>,
): (step: number) => Record<string, number> {
  const stride = strideOf(steps)
  const columns = seriesOf(mode).map((series) => ({
    names: layerNames.map((layer) => layerSeriesName(layer, series)),
    values: figures[series],
    stride: isUneven(mode) && MEASURED.includes(series) ? measuredEvery(mode, steps) : stride,
  }))
  return (step) => {
    const values: Record<string, number> = {}
    for (const column of columns) {
      if (step % column.stride !== 0) continue
      column.names.forEach((name, layer) => {
        values[name] = column.values[layer] ?? 0
      })
    }
    return values
  }
}
