import type { ClippingSpec, ShadowSpec } from '../../contracts/clipping.js'
import type { Quantiles, Verdict } from '../../contracts/clipping-report.js'
import type { ShadowFigures } from './shadows.js'
import { percent, show } from './words.js'

/** From this share of the steps on clipping is a constant part of the update. */
export const ALMOST_ALWAYS = 0.9
/** Up to this share, and from `RARE` on, clipping does what it is for. */
export const HEALTHY = 0.2
/** Below this share it is a guard against exceptions. */
export const RARE = 0.01
/** Clipping that engaged within this share of the steps at most, from the first on, belongs to the start. */
export const START_SHARE = 0.2
/** Steps without which nothing is said about the course of a job. */
export const SHORTEST_COURSE = 50

/** How often a mode engaged, and what is needed to say what that means. */
export interface EngagementCase {
  readonly spec: ClippingSpec | ShadowSpec
  readonly steps: number
  readonly rate: number
  /** The last step in which it engaged; null if there was none or it is not known. */
  readonly lastStep: number | null
  /** Norm after / norm before, mean over all steps. */
  readonly meanScale: number
  /** Before clipping. */
  readonly norm: Quantiles | null
  /** In force; null where there was none or it is not known. */
  readonly threshold: { readonly min: number; readonly max: number } | null
}

/** The verdict about how often a mode engaged. `wouldHave`: it was only watched. */
export function judgeEngagement(facts: EngagementCase, wouldHave = false): Verdict {
  const { spec, steps, rate, lastStep, meanScale, norm } = facts
  if (steps === 0 || norm === null) return { code: 'no-steps', severity: 'info', text: 'No step has been seen yet.' }
  if (spec.mode === 'none') return off(norm)
  if (rate === 0) return neverEngaged(facts, norm)
  const engaged = `${wouldHave ? 'Would have engaged' : 'Engaged'} in ${percent(rate)} of the steps`
  const startShare = lastStep === null ? 1 : (lastStep + 1) / steps
  if (steps >= SHORTEST_COURSE && startShare <= START_SHARE)
    return {
      code: 'only-at-the-start',
      severity: 'info',
      text: `${engaged}, all of them among the first ${percent(startShare)} (the last was step ${lastStep}): a warm-up effect; a warm-up of the learning rate may do the same.`,
    }
  if (rate >= ALMOST_ALWAYS)
    return {
      code: 'almost-always-engaged',
      severity: 'advice',
      text: `${engaged}: acts as a learning-rate cut to ×${show(meanScale)} on average.${higherBound(spec, norm)}`,
    }
  const scale = `scale ×${show(meanScale)} on average over all steps`
  if (rate > HEALTHY)
    return {
      code: 'moderate',
      severity: 'info',
      text: `${engaged}: more than a guard against spikes, less than a constant cut; ${scale}.`,
    }
  if (rate >= RARE)
    return {
      code: 'healthy',
      severity: 'info',
      text: `${engaged}: cuts off the largest norms and leaves the rest; ${scale}.`,
    }
  return { code: 'rarely-engaged', severity: 'info', text: `${engaged}: a guard against exceptions; ${scale}.` }
}

/** The verdict about a mode that was only watched. */
export function judgeShadow(shadow: ShadowFigures, steps: number, norm: Quantiles | null): Verdict {
  const { spec, engagement: rate, meanScale } = shadow
  return judgeEngagement({ spec, steps, rate, lastStep: null, meanScale, norm, threshold: null }, true)
}

function off(norm: Quantiles): Verdict {
  return {
    code: 'clipping-off',
    severity: 'info',
    text: `Clipping is off. The norm had the median ${show(norm.q50)} and the maximum ${show(norm.max)}; global-norm at ${show(norm.q90)} (the 90 % quantile) would have engaged in 10 % of the steps.`,
  }
}

function neverEngaged({ spec, threshold }: EngagementCase, norm: Quantiles): Verdict {
  const bound = threshold ?? fixedBound(spec)
  const what = bound === null ? `the mode ${spec.mode} had no effect` : `the threshold ${between(bound)} has no effect`
  const suggestion = boundsTheJointNorm(spec)
    ? `; at ${show(norm.q90)} (the 90 % quantile) it would have engaged in 10 % of the steps`
    : ''
  return {
    code: 'never-engaged',
    severity: 'advice',
    text: `Never engaged: ${what}: the largest norm over all gradients was ${show(norm.max)}${suggestion}.`,
  }
}

function higherBound(spec: ClippingSpec | ShadowSpec, norm: Quantiles): string {
  return boundsTheJointNorm(spec)
    ? ` At ${show(norm.q90)} (the 90 % quantile of the norm) it would engage in 10 % of the steps.`
    : ''
}

/** Whether the threshold of a mode compares with the norm over all gradients, of which the quantiles are known. */
function boundsTheJointNorm(spec: ClippingSpec | ShadowSpec): boolean {
  if (spec.mode !== 'global-norm' || spec.p !== 2) return false
  return spec.include.includes('*') && spec.exclude.length === 0
}

function fixedBound(spec: ClippingSpec | ShadowSpec): { min: number; max: number } | null {
  const bound =
    spec.mode === 'value'
      ? spec.maxValue
      : spec.mode === 'norm' || spec.mode === 'global-norm'
        ? spec.maxNorm
        : spec.mode === 'block-rms'
          ? spec.maxRms
          : spec.mode === 'adaptive'
            ? spec.clipFactor
            : null
  return bound === null ? null : { min: bound, max: bound }
}

function between({ min, max }: { min: number; max: number }): string {
  return show(min) === show(max) ? show(min) : `(${show(min)} to ${show(max)})`
}
