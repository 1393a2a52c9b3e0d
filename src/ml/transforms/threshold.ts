import type { ThresholdSchedule } from '../../contracts/clipping.js'
import type { ClippingMode } from '../../contracts/clipping-modes.js'
import { SMALLEST_FLOAT32 } from '../../contracts/float32.js'

const LARGEST_THRESHOLD = 3.4e38

/** The number that the threshold of a step starts from: `maxNorm`, `percentile` …, whichever field the mode has; 0 for `none`. */
export function baseThreshold(mode: ClippingMode): number {
  switch (mode.mode) {
    case 'none':
      return 0
    case 'value':
      return mode.maxValue
    case 'norm':
    case 'global-norm':
      return mode.maxNorm
    case 'block-rms':
      return mode.maxRms
    case 'adaptive':
      return mode.clipFactor
    case 'auto':
      return mode.percentile
    case 'z-score':
      return mode.zThreshold
    case 'ada-gc':
      return mode.growthFactor
  }
}

/**
 * The threshold of `step` (from 0) in a job of `steps` steps: that of the mode, times the fraction of the schedule, which is 1 until
 * `beginStep` and `finalFraction` from `endStep` (default: `steps`) on. A positive float32; a percentile from 0 to 100; 0 for `none`.
 */
export function thresholdAt(
  spec: ClippingMode & { readonly thresholdSchedule: ThresholdSchedule },
  step: number,
  steps: number,
): number {
  const base = baseThreshold(spec)
  if (spec.mode === 'none' || spec.thresholdSchedule.kind === 'constant') return base
  const threshold = base * fractionAt(spec.thresholdSchedule, step, steps)
  if (spec.mode === 'auto') return Math.min(threshold, 100)
  return Math.min(Math.max(threshold, SMALLEST_FLOAT32), LARGEST_THRESHOLD)
}

function fractionAt(schedule: Exclude<ThresholdSchedule, { kind: 'constant' }>, step: number, steps: number): number {
  const { beginStep, endStep = steps, finalFraction } = schedule
  if (step < beginStep) return 1
  if (step >= endStep) return finalFraction
  const progress = (step - beginStep) / (endStep - beginStep)
  switch (schedule.kind) {
    case 'linear':
      return 1 + (finalFraction - 1) * progress
    case 'exponential':
      return finalFraction ** progress
    case 'cosine':
      return finalFraction + ((1 - finalFraction) * (1 + Math.cos(Math.PI * progress))) / 2
  }
}
