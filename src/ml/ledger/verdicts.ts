import type { LayerClipping, Verdict } from '../../contracts/clipping-report.js'
import type { OptimizerKind } from '../../contracts/optimizer.js'
import { ALMOST_ALWAYS, judgeEngagement, SHORTEST_COURSE } from './engagement-verdict.js'
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

/** Optimizers whose update, but for their epsilon, is the same when every gradient is multiplied by one number. */
const SCALE_FREE: Partial<Record<OptimizerKind, string>> = {
  rmsprop: 'RMSprop',
  adagrad: 'Adagrad',
  adadelta: 'Adadelta',
  adam: 'Adam',
  adamw: 'AdamW',
  adamax: 'Adamax',
  nadam: 'Nadam',
  lion: 'Lion',
  adafactor: 'Adafactor',
}

/** What the figures of a job mean; the first verdict is about how often clipping engaged. */
export function judge(accounts: Accounts): Verdict[] {
  const { clipping: spec, engagement, joint } = accounts
  const { steps, norm, threshold, scale } = joint
  const { rate, lastStep } = engagement
  const first = judgeEngagement({ spec, steps, rate, lastStep, meanScale: scale.meanEffective, norm, threshold })
  const others = [irrelevantScale, dominantLayer, turnedDirection, collapse, spikes, nonFinite]
  return [first, ...others.flatMap((judgement) => judgement(accounts) ?? [])]
}

function irrelevantScale({ clipping, optimizer, engagement: { rate } }: Accounts): Verdict | null {
  const name = SCALE_FREE[optimizer.kind]
  const isOneFactor = clipping.mode === 'global-norm' || clipping.mode === 'auto' || clipping.mode === 'z-score'
  // A coupled L2 penalty is added after clipping, so next to it the scale of the gradient does count.
  if (name === undefined || optimizer.l2 > 0 || !isOneFactor || rate < ALMOST_ALWAYS) return null
  return {
    code: 'scale-irrelevant',
    severity: 'advice',
    text: `${name}'s update does not depend on the scale of the gradient: clipping in ${percent(rate)} of the steps with ${clipping.mode} changes little beyond evening out the steps; a higher threshold would only meet the spikes.`,
  }
}

function dominantLayer({ layers, joint: { steps } }: Accounts): Verdict | null {
  const largest = layers.reduce<LayerClipping | null>(
    (found, layer) => (found === null || layer.normShare > found.normShare ? layer : found),
    null,
  )
  const bound = Math.max(DOMINANT_SHARE, DOMINANT_TIMES_EQUAL / layers.length)
  if (steps === 0 || largest === null || layers.length < 2 || largest.normShare < bound) return null
  return {
    code: 'layer-dominates',
    severity: 'info',
    text: `Layer ${quoted(largest.layer)} has ${percent(largest.normShare)} of the squared norm over the ${layers.length} layers: the joint norm is mostly its own. Mode norm bounds each tensor by itself.`,
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

function spikes({ joint: { norm, course } }: Accounts): Verdict | null {
  if (norm === null || course === null || norm.q50 === 0 || norm.max < SPIKE_RATIO * norm.q50) return null
  const { step, engaged } = course.peak
  const spike = `The norm had spikes: ${show(norm.max)} at step ${step}, ${show(norm.max / norm.q50)} times the median ${show(norm.q50)}`
  return engaged
    ? { code: 'spikes', severity: 'info', text: `${spike}; clipping engaged there.` }
    : {
        code: 'spikes',
        severity: 'advice',
        text: `${spike}, and it was not clipped: global-norm at ${show(norm.q99)} (the 99 % quantile) would have.`,
      }
}

function nonFinite({ nonFinite: count, clipping: { onNonFinite } }: Accounts): Verdict | null {
  if (count === 0) return null
  return {
    code: 'non-finite',
    severity: 'warning',
    text: `In ${count} ${count === 1 ? 'step' : 'steps'} a gradient was NaN or infinite (policy ${onNonFinite}): clipping cannot mend that; a lower learning rate may.`,
  }
}
