import type { ClippingReport } from '../../contracts/clipping-report.js'
import { makeSketch, type SketchState } from './sketch.js'

/** Parts of a job whose norms are told apart, for what changed in its course. */
const PARTS = 10

/** What one step did to all gradients together. */
export interface JointStep {
  readonly norm: number
  /** Smallest factor applied: see `clipScale` of `infoOf`. */
  readonly scale: number
  /** 0 or infinite: none. */
  readonly threshold: number
  readonly engaged: boolean
  /** Null where it was not measured. */
  readonly change: JointChange | null
}

/** How far clipping changed all gradients together. */
export interface JointChange {
  /** L2, of all gradients. */
  readonly normAfter: number
  /** Norm after / norm before, 1 where both are 0. */
  readonly scale: number
  /** Between before and after, in [0, 1]; 1 where one of them is 0. */
  readonly cosine: number
}

/** Sums and sketches over the steps, as plain JSON. */
export interface JointState {
  readonly steps: number
  readonly norms: readonly SketchState[]
  /** The largest norm; step −1: no step yet. */
  readonly peak: { readonly step: number; readonly norm: number; readonly engaged: boolean }
  readonly scales: SketchState
  /** Steps whose change was measured. */
  readonly measured: number
  readonly effectiveScales: number
  readonly thresholds: SketchState
  readonly lastThreshold: number
  readonly cosines: number
  readonly leastCosine: number
}

/** The norm before and after its largest value. */
export interface Course {
  readonly peak: { readonly step: number; readonly norm: number; readonly engaged: boolean }
  /** Median over the tenths of the job up to the one with the peak. */
  readonly medianToPeak: number
  /** Median over the newest tenth of which at least half was seen; null unless it comes after the one with the peak. */
  readonly lastTenth: { readonly fromStep: number; readonly median: number } | null
}

export type JointFigures = Pick<
  ClippingReport,
  'steps' | 'measuredSteps' | 'norm' | 'scale' | 'threshold' | 'cosine'
> & {
  /** Null before the first step. */
  readonly course: Course | null
}

export interface JointAccounts {
  add(step: number, figures: JointStep): void
  figures(): JointFigures
  state(): JointState
}

/** @param steps Of the whole job. */
export function makeJointAccounts(steps: number, state?: JointState): JointAccounts {
  const parts = Array.from({ length: PARTS }, (_, part) => restore(state?.norms[part]))
  const scales = restore(state?.scales)
  const thresholds = restore(state?.thresholds)
  let seen = state?.steps ?? 0
  let peak = state?.peak ?? { step: -1, norm: 0, engaged: false }
  let measured = state?.measured ?? 0
  let effectiveScales = state?.effectiveScales ?? 0
  let lastThreshold = state?.lastThreshold ?? 0
  let cosines = state?.cosines ?? 0
  let leastCosine = state?.leastCosine ?? 1
  const partOf = (step: number) => Math.min(PARTS - 1, Math.floor((step * PARTS) / Math.max(1, steps)))

  const course = (): Course | null => {
    if (peak.step < 0) return null
    const toPeak = parts.slice(0, partOf(peak.step) + 1).map((part) => part.state())
    const newest = parts.findLastIndex((part) => part.count() >= steps / PARTS / 2)
    const isLater = newest > partOf(peak.step)
    return {
      peak,
      medianToPeak: makeSketch(...toPeak).quantile(0.5),
      lastTenth: isLater
        ? { fromStep: Math.ceil((newest * steps) / PARTS), median: parts[newest]?.quantile(0.5) ?? 0 }
        : null,
    }
  }
  return {
    add(step, { norm, scale, threshold, engaged, change }) {
      seen++
      parts[partOf(step)]?.add(norm)
      if (peak.step < 0 || norm > peak.norm) peak = { step, norm, engaged }
      if (engaged) scales.add(scale)
      if (threshold > 0 && threshold < Number.POSITIVE_INFINITY) {
        thresholds.add(threshold)
        lastThreshold = threshold
      }
      if (change === null) return
      measured++
      effectiveScales += change.scale
      cosines += change.cosine
      if (change.cosine < leastCosine) leastCosine = change.cosine
    },
    figures() {
      const threshold = thresholds.summary()
      return {
        steps: seen,
        measuredSteps: measured,
        norm: makeSketch(...parts.map((part) => part.state())).summary(),
        scale: {
          whileEngaged: scales.summary(),
          meanEffective: measured > 0 ? Math.min(1, effectiveScales / measured) : 1,
        },
        threshold: threshold && {
          min: threshold.min,
          median: threshold.q50,
          max: threshold.max,
          last: lastThreshold,
        },
        cosine: measured > 0 ? { mean: Math.min(1, cosines / measured), min: leastCosine } : null,
        course: course(),
      }
    },
    state: () => ({
      steps: seen,
      norms: parts.map((part) => part.state()),
      peak,
      scales: scales.state(),
      measured,
      effectiveScales,
      thresholds: thresholds.state(),
      lastThreshold,
      cosines,
      leastCosine,
    }),
  }
}

function restore(state: SketchState | undefined) {
  return state === undefined ? makeSketch() : makeSketch(state)
}
