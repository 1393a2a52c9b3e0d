import type { Quantiles } from '../../contracts/clipping-report.js'

/** Largest error of a quantile, as a share of itself. */
export const RELATIVE_ERROR = 0.01

/** Half of what a float32 can be; below it a value counts as 0. */
const SMALLEST = 7e-46
const GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
const LOG_GAMMA = Math.log(GAMMA)

/** A sketch as plain JSON. */
export interface SketchState {
  readonly count: number
  readonly zeros: number
  readonly sum: number
  /** Of no meaning while `count` is 0, as `max`. */
  readonly min: number
  readonly max: number
  /** Key and count of every bucket in turn, keys ascending. */
  readonly buckets: readonly number[]
}

/**
 * Quantiles of a stream of numbers that are not negative, at a fixed relative error and in bounded memory: counts in buckets (γᵏ⁻¹, γᵏ]
 * with γ = (1 + α) / (1 − α), α = `RELATIVE_ERROR`. All float32 fit into 10,000 buckets; those without a value take no memory.
 * Two sketches with the same values are equal whatever the order, except for the rounding of the mean.
 * @see Masson, Rim, Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019.
 */
export interface Sketch {
  /** @param value Not negative and finite; others are left out. */
  add(value: number): void
  count(): number
  /** @returns the value of which a share `q`, in [0, 1], is not larger; NaN while the sketch is empty */
  quantile(q: number): number
  /** Null while the sketch is empty. */
  summary(): Quantiles | null
  state(): SketchState
}

/** @param state Of the sketches to go on from, taken together; none: an empty one. */
export function makeSketch(...states: readonly SketchState[]): Sketch {
  const buckets = new Map<number, number>()
  let count = 0
  let zeros = 0
  let sum = 0
  let min = Number.POSITIVE_INFINITY
  let max = 0
  for (const state of states) {
    if (state.count === 0) continue
    count += state.count
    zeros += state.zeros
    sum += state.sum
    min = Math.min(min, state.min)
    max = Math.max(max, state.max)
    for (let i = 0; i < state.buckets.length; i += 2) {
      const [key = 0, added = 0] = state.buckets.slice(i, i + 2)
      buckets.set(key, (buckets.get(key) ?? 0) + added)
    }
  }
  const sorted = () => [...buckets].sort(([a], [b]) => a - b)
  const valueAt = (rank: number, ascending: readonly (readonly [number, number])[]): number => {
    let below = zeros
    if (rank < below) return 0
    for (const [key, added] of ascending) {
      below += added
      if (rank < below) return (2 * GAMMA ** key) / (GAMMA + 1)
    }
    return max
  }
  const quantileOf = (q: number, ascending: readonly (readonly [number, number])[]): number => {
    if (count === 0) return Number.NaN
    return Math.min(max, Math.max(min, valueAt(Math.floor(q * (count - 1)), ascending)))
  }
  return {
    add(value) {
      if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) return
      count++
      sum += value
      if (value < min) min = value
      if (value > max) max = value
      if (value < SMALLEST) {
        zeros++
        return
      }
      const key = Math.ceil(Math.log(value) / LOG_GAMMA)
      buckets.set(key, (buckets.get(key) ?? 0) + 1)
    },
    count: () => count,
    quantile: (q) => quantileOf(q, sorted()),
    summary() {
      if (count === 0) return null
      const ascending = sorted()
      const at = (q: number) => quantileOf(q, ascending)
      return {
        min,
        q01: at(0.01),
        q05: at(0.05),
        q25: at(0.25),
        q50: at(0.5),
        q75: at(0.75),
        q90: at(0.9),
        q95: at(0.95),
        q99: at(0.99),
        max,
        mean: Math.min(max, Math.max(min, sum / count)),
      }
    },
    state: () => ({ count, zeros, sum, min: count === 0 ? 0 : min, max, buckets: sorted().flat() }),
  }
}
