import type { ClippingSpec, ShadowSpec } from '../../contracts/clipping.js'
import type { LayerClipping, Quantiles, Verdict } from '../../contracts/clipping-report.js'
import type { OptimizerSpec } from '../../contracts/optimizer.js'
import { boundOf, ENOUGH_STEPS, jointSuggestion, remedyOf, scaleFree } from './remedies.js'
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
/** From this share of the engaged steps on, those in the first tenth of the job are told: spread evenly, they would be a tenth. */
export const EARLY_SHARE = 0.5

/** How often a mode engaged, and what is needed to say what that means. */
export interface EngagementCase {
  readonly spec: ClippingSpec | ShadowSpec
  readonly optimizer: Pick<OptimizerSpec, 'kind' | 'l2'>
  readonly steps: number
  readonly rate: number
  /** The last step in which it engaged; null if there was none or it is not known. */
  readonly lastStep: number | null
  /** Share of those steps within the first tenth of all; null if it is not known. */
  readonly earlyShare: number | null
  /** Norm after / norm before, mean over all steps. */
  readonly meanScale: number
  /** Before clipping. */
  readonly norm: Quantiles | null
  /** In force; null where there was none or it is not known. */
  readonly threshold: { readonly min: number; readonly max: number } | null
  readonly layers: readonly LayerClipping[]
}

/** The verdict about how often a mode engaged. `wouldHave`: it was only watched. */
export function judgeEngagement(facts: EngagementCase, wouldHave = false): Verdict {
  const { spec, steps, rate, lastStep, earlyShare, meanScale, norm } = facts
  if (steps === 0 || norm === null) return { code: 'no-steps', severity: 'info', text: 'No step has been seen yet.' }
  if (spec.mode === 'none') return off(steps, norm)
  if (rate === 0) return neverEngaged(facts, norm, wouldHave)
  const engaged = `${wouldHave ? 'Would have engaged' : 'Engaged'} in ${percent(rate)} of the steps`
  const startShare = lastStep === null ? 1 : (lastStep + 1) / steps
  if (steps >= SHORTEST_COURSE && startShare <= START_SHARE)
    return {
      code: 'only-at-the-start',
      severity: 'info',
      text: `${engaged}, all of them among the first ${percent(startShare)} (the last was step ${lastStep}): a warm-up effect; a warm-up of the learning rate may do the same.`,
    }
  if (rate >= ALMOST_ALWAYS) return almostAlways(facts, norm, engaged)
  const scale = `scale ×${show(meanScale)} on average over all steps`
  if (rate > HEALTHY)
    return {
      code: 'moderate',
      severity: 'info',
      text: `${engaged}: more than a guard against spikes, less than a constant cut; ${scale}.`,
    }
  const when =
    earlyShare !== null && earlyShare >= EARLY_SHARE ? `, ${percent(earlyShare)} of them in the first tenth` : ''
  if (rate >= RARE)
    return {
      code: 'healthy',
      severity: 'info',
      text: `${engaged}${when}: cuts off the largest norms and leaves the rest; ${scale}.`,
    }
  return { code: 'rarely-engaged', severity: 'info', text: `${engaged}${when}: a guard against exceptions; ${scale}.` }
}

/** The verdict about a mode that was only watched, in a job of which `facts` are known. */
export function judgeShadow(
  { spec, engagement: rate, meanScale }: ShadowFigures,
  facts: Pick<EngagementCase, 'optimizer' | 'steps' | 'norm' | 'layers'>,
): Verdict {
  return judgeEngagement({ ...facts, spec, rate, meanScale, lastStep: null, earlyShare: null, threshold: null }, true)
}

function off(steps: number, norm: Quantiles): Verdict {
  const suggestion =
    steps < ENOUGH_STEPS
      ? ''
      : `; global-norm at ${show(norm.q90)} (the 90 % quantile) would have engaged in 10 % of the steps`
  return {
    code: 'clipping-off',
    severity: 'info',
    text: `Clipping is off. The norm had the median ${show(norm.q50)} and the maximum ${show(norm.max)}${suggestion}.`,
  }
}

function neverEngaged({ spec, steps, threshold }: EngagementCase, norm: Quantiles, wouldHave: boolean): Verdict {
  const bound = threshold ?? fixedBound(spec)
  const [never, has] = wouldHave ? ['Would never have engaged', 'would have'] : ['Never engaged', 'has']
  const what =
    bound === null ? `the mode ${spec.mode} ${has} no effect` : `the threshold ${between(bound)} ${has} no effect`
  const suggested = jointSuggestion(spec, steps, norm)
  const suggestion =
    suggested === null ? '' : `; at ${show(suggested)} (the 90 % quantile) it would have engaged in 10 % of the steps`
  return {
    code: 'never-engaged',
    severity: 'advice',
    text: `${never}: ${what}: the largest norm over all gradients was ${show(norm.max)}${suggestion}.`,
  }
}

/** A factor in nearly every step. An optimizer that takes no notice of it is the more important fact. */
function almostAlways(facts: EngagementCase, norm: Quantiles, engaged: string): Verdict {
  const { spec, optimizer, meanScale } = facts
  const remedy = remedyOf(spec, { ...facts, norm })
  const blind = scaleFree(optimizer)
  if (blind === null)
    return {
      code: 'almost-always-engaged',
      severity: 'advice',
      text: `${engaged}: acts as a learning-rate cut to ×${show(meanScale)} on average.${remedy}`,
    }
  // Elements that are cut at one value have no common factor that could drop out.
  if (spec.mode === 'value')
    return {
      code: 'almost-always-engaged',
      severity: 'advice',
      text: `${engaged}, which leaves ×${show(meanScale)} of the norm on average.${remedy}`,
    }
  return {
    code: 'scale-irrelevant',
    severity: 'advice',
    text: `${engaged}, but ${blind}'s update does not depend on the scale of the gradient: ${spec.mode} changes little beyond evening out the steps.${remedy}`,
  }
}

/** Where the bound itself is known before the job runs. */
function fixedBound(spec: ClippingSpec | ShadowSpec): { min: number; max: number } | null {
  const isMeasured = spec.mode === 'auto' || spec.mode === 'z-score' || spec.mode === 'ada-gc'
  const bound = isMeasured ? null : boundOf(spec)
  return bound && { min: bound.value, max: bound.value }
}

function between({ min, max }: { min: number; max: number }): string {
  return show(min) === show(max) ? show(min) : `(${show(min)} to ${show(max)})`
}
