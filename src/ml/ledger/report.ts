import type { ClippingSpec } from '../../contracts/clipping.js'
import type { ClippingReport, LayerClipping } from '../../contracts/clipping-report.js'
import type { OptimizerSpec } from '../../contracts/optimizer.js'
import type { EngagementFigures } from './engagement.js'
import { judgeShadow } from './engagement-verdict.js'
import type { JointFigures } from './joint.js'
import type { ShadowFigures } from './shadows.js'
import { judge } from './verdicts.js'

/** Share of the squared norm from which on a layer is named alone. */
const ALONE = 0.5
const MOST_DOMINANT = 3

/** What the accounts of a ledger say, before it is put into words. */
export interface Accounts {
  readonly clipping: ClippingSpec
  readonly optimizer: Pick<OptimizerSpec, 'kind' | 'l2'>
  readonly plannedSteps: number
  /** Steps in which a gradient was NaN or infinite. */
  readonly nonFinite: number
  readonly engagement: EngagementFigures
  readonly joint: JointFigures
  readonly layers: LayerClipping[]
  readonly shadows: readonly ShadowFigures[]
}

export function reportOf(accounts: Accounts): ClippingReport {
  const { clipping, optimizer, plannedSteps, nonFinite, engagement, layers, shadows } = accounts
  const { course: _, ...joint } = accounts.joint
  const facts = { optimizer, steps: joint.steps, norm: joint.norm, layers }
  return {
    clipping,
    plannedSteps,
    engagement,
    ...joint,
    layers,
    dominantLayers: dominantOf(joint.steps > 0 ? layers : []),
    nonFinite: { count: nonFinite, policy: clipping.onNonFinite },
    shadows: shadows.map((shadow) => ({ ...shadow, verdict: judgeShadow(shadow, facts) })),
    verdicts: judge(accounts),
  }
}

function dominantOf(layers: readonly LayerClipping[]): ClippingReport['dominantLayers'] {
  const ranked = layers
    .map(({ layer, normShare }) => ({ layer, normShare }))
    .sort((a, b) => b.normShare - a.normShare)
    .slice(0, MOST_DOMINANT)
  const [first] = ranked
  return first && first.normShare >= ALONE ? [first] : ranked
}
