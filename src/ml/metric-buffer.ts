import type { MetricSeries } from '../contracts/metric.js'

/** Collects values step by step and hands them out as series. */
export interface MetricBuffer {
  add(step: number, values: Readonly<Record<string, number>>): void
  /** Everything since the last call, in the order of the steps; empty if nothing came. */
  drain(): MetricSeries[]
}

export function makeMetricBuffer(): MetricBuffer {
  let series = new Map<string, MetricSeries>()
  return {
    add(step, values) {
      for (const [name, value] of Object.entries(values)) {
        const one = series.get(name) ?? { name, steps: [], values: [] }
        one.steps.push(step)
        one.values.push(value)
        series.set(name, one)
      }
    },
    drain() {
      const drained = [...series.values()]
      series = new Map()
      return drained
    },
  }
}
