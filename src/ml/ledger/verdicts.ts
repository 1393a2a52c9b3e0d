import type { LayerClipping, Verdict } from '../../contracts/clipping-report.js'
import type { EngagementFigures } from './engagement.js'
import { judgeEngagement, SHORTEST_COURSE } from './engagement-verdict.js'
import { boundOf, ENOUGH_STEPS, isJoint, scaleFree } from './remedies.js'
import type { Accounts } from './report.js'
import { percent, quoted, show } from './words.js'

/** A layer dominates from this share of the squared norm on … */
export const DOMINANT_SHARE = 0.5
/** … if that is also so many times an equal share of all layers: of two layers one always has half. */
export const DOMINANT_TIMES_EQUAL = 1.8
/** Mean cosine below which clipping is said to turn the gradient. */
export const TURNED_COSINE = 0.9
/** A spike is so many times the median norm. */
export const SPIKE_RATIO = 100
/** After a spike the norm has collapsed if its median falls below this share of the one before. */
export const COLLAPSED_SHARE = 0.01

/** A layer that keeps less than this share of its norm, on average, hardly moves. */
export const FROZEN_SCALE = 0.001
/** Before gradients that are not finite the norm has grown if its maximum is so many times its median. */
export const GROWN_RATIO = 10

/** What the figures of a job mean; the first verdict is about how often clipping engaged. */
export function judge(accounts: Accounts): Verdict[] {
  const { clipping: spec, optimizer, engagement, joint, layers } = accounts
  const { steps, norm, threshold, scale } = joint
  const { rate, lastStep, overTime } = engagement
  const earlyShare = steps < SHORTEST_COURSE ? null : earlyShareOf(overTime)
  const meanScale = scale.meanEffective
  const facts = { spec, optimizer, steps, rate, lastStep, earlyShare, meanScale, norm, threshold, layers }
  const others = [frozenLayer, dominantLayer, turnedDirection, collapse, spikes, nonFinite]
  return [judgeEngagement(facts), ...others.flatMap((judgement) => judgement(accounts) ?? [])]
}

/** Share of the engaged steps that lie in the first tenth of the steps seen; null if the windows are too wide to tell. */
function earlyShareOf(overTime: EngagementFigures['overTime']): number | null {
  const engagedIn = (windows: EngagementFigures['overTime']) =>
    windows.reduce((sum, { fromStep, toStep, rate }) => sum + rate * (toStep - fromStep), 0)
  const end = overTime.at(-1)?.toStep ?? 0
  const early = overTime.filter(({ toStep }) => toStep <= end / 10)
  const all = engagedIn(overTime)
  return early.length === 0 || all === 0 ? null : engagedIn(early) / all
}

/** Where one factor holds for all layers, the first verdict has said it. */
function frozenLayer({ clipping, optimizer, layers }: Accounts): Verdict | null {
  const bound = boundOf(clipping)
  if (bound === null || isJoint(clipping.mode) || scaleFree(optimizer) !== null) return null
  const [first, ...others] = layers
    .filter(({ meanScale }) => meanScale < FROZEN_SCALE)
    .sort((a, b) => a.meanScale - b.meanScale)
  if (first === undefined) return null
  const more = others.length > 0 ? ` (and ${others.length} more)` : ''
  return {
    code: 'layer-frozen',
    severity: 'warning',
    text: `Layer ${quoted(first.layer)}${more} is nearly frozen: ${clipping.mode} leaves ×${show(first.meanScale)} of its gradient on average. Raise ${bound.field} (it is ${show(bound.value)}), or exclude the layer.`,
  }
}

function dominantLayer({ clipping: { mode }, layers, joint: { steps } }: Accounts): Verdict | null {
  const largest = layers.reduce<LayerClipping | null>(
    (found, layer) => (found === null || layer.normShare > found.normShare ? layer : found),
    null,
  )
  const bound = Math.max(DOMINANT_SHARE, DOMINANT_TIMES_EQUAL / layers.length)
  if (steps === 0 || largest === null || layers.length < 2 || largest.normShare < bound) return null
  const advice = isJoint(mode) || mode === 'none' ? ' Mode norm bounds each tensor by itself.' : ''
  return {
    code: 'layer-dominates',
    severity: 'info',
    text: `Layer ${quoted(largest.layer)} has ${percent(largest.normShare)} of the squared norm over the ${layers.length} layers: the joint norm is mostly its own.${advice}`,
  }
}

function turnedDirection({ clipping, joint: { cosine } }: Accounts): Verdict | null {
  if (cosine === null || cosine.mean >= TURNED_COSINE) return null
  return {
    code: 'direction-changed',
    severity: 'warning',
    text: `Clipping with ${clipping.mode} turned the gradient: its cosine to the raw one was ${show(cosine.mean)} on average and ${show(cosine.min)} at least. global-norm keeps the direction.`,
  }
}

function collapse({ joint: { steps, course } }: Accounts): Verdict | null {
  if (steps < SHORTEST_COURSE || course === null || course.lastTenth === null) return null
  const { peak, medianToPeak, lastTenth } = course
  const isSpike = peak.norm >= SPIKE_RATIO * medianToPeak && peak.norm > 0
  if (!isSpike || lastTenth.median >= COLLAPSED_SHARE * medianToPeak) return null
  return {
    code: 'norm-collapsed',
    severity: 'warning',
    text: `After the spike of ${show(peak.norm)} at step ${peak.step} the norm collapsed: its median from step ${lastTenth.fromStep} on is ${show(lastTenth.median)}, up to the spike it was ${show(medianToPeak)}. Units that stopped learning are a likely cause; a lower threshold or learning rate may prevent the spike.`,
  }
}

function spikes({ joint: { steps, norm, course } }: Accounts): Verdict | null {
  if (norm === null || course === null || norm.q50 === 0 || norm.max < SPIKE_RATIO * norm.q50) return null
  const { step, engaged } = course.peak
  const spike = `The norm had spikes: ${show(norm.max)} at step ${step}, ${show(norm.max / norm.q50)} times the median ${show(norm.q50)}`
  return engaged
    ? { code: 'spikes', severity: 'info', text: `${spike}; clipping engaged there.` }
    : {
        code: 'spikes',
        severity: 'advice',
        text: `${spike}, and it was not clipped: global-norm${steps < ENOUGH_STEPS ? '' : ` at ${show(norm.q99)} (the 99 % quantile)`} would have cut it.`,
      }
}

function nonFinite(accounts: Accounts): Verdict | null {
  const { nonFinite: count, clipping } = accounts
  if (count === 0) return null
  return {
    code: 'non-finite',
    severity: 'warning',
    text: `In ${count} ${count === 1 ? 'step' : 'steps'} a gradient was NaN or infinite (policy ${clipping.onNonFinite}): ${againstNonFinite(accounts)}.`,
  }
}

/** What may keep gradients finite. Clipping cannot mend one that is not, but it holds back a norm that grows until it is. */
function againstNonFinite({ clipping: { mode }, joint: { steps, norm, course } }: Accounts): string {
  if (norm === null || course === null)
    return 'no gradient was finite, so look at the data, the loss and the initial weights before the learning rate'
  const hasGrown = norm.q50 > 0 && norm.max >= GROWN_RATIO * norm.q50
  if (mode !== 'none' || !hasGrown) return 'clipping cannot mend that; a lower learning rate may'
  const threshold = steps < ENOUGH_STEPS ? '' : ` at the median ${show(norm.q50)}`
  return `clipping is off, and the norm had grown to ${show(norm.max)} at step ${course.peak.step}, ${show(norm.max / norm.q50)} times its median; clip it, by global-norm${threshold}, or lower the learning rate`
}
