import type { LayerSensitivity, SensitivityReport } from '../../contracts/sensitivity-report.js'
import type { SensitivityScan } from '../../contracts/sensitivity-scan.js'
import { percent, quoted, show } from '../ledger/words.js'
import { isTolerated } from './measurements.js'

type Unit = SensitivityReport['judgedBy']

/** What the curve of a layer means. */
export function judgeLayer(
  { points, tolerated, weights, zeros }: Pick<LayerSensitivity, 'points' | 'tolerated' | 'weights' | 'zeros'>,
  scan: SensitivityScan,
  unit: Unit,
): string {
  const next = points.find(({ sparsity }) => sparsity > tolerated)
  const already = zeros === 0 ? '' : ` (${percent(zeros / weights)} of its weights are 0 already)`
  if (next === undefined)
    return `Robust: within ${within(scan, unit)} up to ${percent(tolerated)}, the highest scanned${already}.`
  const cost = `at ${percent(next.sparsity)}${tolerated === 0 ? ', the lowest scanned,' : ''} ${costs(next.drop, unit)}`
  return tolerated === 0
    ? `Sensitive: ${cost}${already}. Leave it dense, or train on after pruning it.`
    : `Within ${within(scan, unit)} up to ${percent(tolerated)}${already}; ${cost}.`
}

/** What the figures of a report mean, in sentences. */
export function judgeScan(figures: Omit<SensitivityReport, 'verdicts'>): string[] {
  const { scan, judgedBy, layers, together, advised, mostSensitive, leastSensitive } = figures
  const toleratedBy = (name: string) => percent(layers.find(({ layer }) => layer === name)?.tolerated ?? 0)
  const limit = within(scan, judgedBy)
  const ranked =
    layers.length < 2
      ? []
      : [
          `Most sensitive is ${quoted(mostSensitive)} (tolerates ${toleratedBy(mostSensitive)}), least ${quoted(leastSensitive)} (${toleratedBy(leastSensitive)}).`,
        ]
  const [lowest] = together.points
  const uniform =
    together.tolerated === 0
      ? `All layers together, each at ${percent(lowest?.sparsity ?? 0)}, the lowest scanned: ${costs(lowest?.drop ?? null, judgedBy)}. Prune step by step while training, not at once.`
      : `All layers together, each at the same sparsity, stay within ${limit} up to ${percent(together.tolerated)}.`
  const sum = `Each at what it tolerates by itself, which is ${percent(advised.sparsity)} of the weights, ${costs(advised.drop, judgedBy)}`
  const added = isTolerated(advised.drop, scan)
    ? `${sum}: within ${limit}.`
    : `${sum}: more than ${limit}, for what single layers tolerate adds up. Train on after pruning, or stay below.`
  return [...ranked, uniform, ...(advised.removed > 0 ? [added] : []), ...caveats(figures)]
}

function caveats({ evaluatedOn, rows, judgedBy, scan }: Omit<SensitivityReport, 'verdicts'>): string[] {
  const found: string[] = []
  if (evaluatedOn === 'train')
    found.push(
      'Measured on rows to train on: new rows may lose more. Set /validation/fraction, or take a dataset with a test split.',
    )
  if (judgedBy === 'accuracy' && 1 / rows > scan.dropWithin && scan.dropWithin > 0)
    found.push(`One row of ${rows} is ${points(1 / rows)} of accuracy, more than dropWithin: measure on more rows.`)
  return found
}

function within({ dropWithin }: SensitivityScan, unit: Unit): string {
  return unit === 'accuracy' ? `${points(dropWithin)} of accuracy` : `${percent(dropWithin)} more loss`
}

/** With the subject left out: a layer, or all of them. */
function costs(drop: number | null, unit: Unit): string {
  if (drop === null) return 'the loss is not finite'
  if (unit === 'loss') return drop < 0 ? `the loss falls by ${percent(-drop)}` : `the loss rises by ${percent(drop)}`
  if (Math.abs(drop) < 1e-9) return 'accuracy stays the same'
  return drop < 0 ? `accuracy rises by ${points(-drop)}` : `accuracy falls by ${points(drop)}`
}

function points(share: number): string {
  const shown = show(100 * share)
  return shown === '1' ? '1 point' : `${shown} points`
}
