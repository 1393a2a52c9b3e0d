import type { MetricSeries } from '../contracts/metric.js'

/**
 * At most `points` (≥ 4) points of a series: first, last, and the lowest and highest of each of equal buckets, so that a spike never vanishes.
 * Values are as recorded, not averages.
 */
export function downsample(series: MetricSeries, points: number): MetricSeries {
  const { name, steps, values } = series
  const count = steps.length
  if (count <= points) return series
  const buckets = Math.floor((points - 2) / 2)
  const kept = new Set([0, count - 1])
  for (let bucket = 0; bucket < buckets; bucket++) {
    const begin = 1 + Math.floor((bucket * (count - 2)) / buckets)
    const end = 1 + Math.floor(((bucket + 1) * (count - 2)) / buckets)
    let low = begin
    let high = begin
    for (let i = begin; i < end; i++) {
      if (at(values, i) < at(values, low)) low = i
      if (at(values, i) > at(values, high)) high = i
    }
    kept.add(low).add(high)
  }
  const indexes = [...kept].sort((a, b) => a - b)
  return { name, steps: indexes.map((i) => at(steps, i)), values: indexes.map((i) => at(values, i)) }
}

function at(values: readonly number[], index: number): number {
  return values[index] ?? Number.NaN
}
