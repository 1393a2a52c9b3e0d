import { count, formatTable, percent } from '../../src/cli/table.js'
import type { Experiment } from './experiments.js'
import type { ArmFigures } from './figures.js'

export const LEGEND = `steps: median until it was solved, or not finite. accuracy: median on the test split.
norm: L2 norm of the gradient before clipping, from the clipping reports of the jobs: medians of their quantiles, and the largest of all.
engaged: share of the steps in which clipping changed the gradient.`

/** What was trained, and a line for each arm. */
export function experimentTable({ name, description, event }: Experiment, arms: readonly ArmFigures[]): string {
  const head = ['', event, 'expected', 'holds', 'steps', 'accuracy', 'norm q50', 'q90', 'q99', 'max', 'engaged']
  const rows = arms.map(({ arm, jobs, events, expected, holds, medianSteps, testAccuracy, norm, engagement }) => [
    arm,
    `${events} of ${jobs}`,
    range(expected, jobs),
    holds ? 'yes' : 'NO',
    medianSteps === null ? '–' : count(medianSteps),
    testAccuracy === null ? '–' : percent(testAccuracy, 1),
    ...[norm.q50, norm.q90, norm.q99, norm.max].map(threeDigits),
    percent(engagement, 1),
  ])
  return `${name}: ${description}\n${formatTable([head, ...rows])}`
}

function range([least, most]: readonly [number, number], jobs: number): string {
  if (least === most) return String(least)
  return most >= jobs ? `≥ ${least}` : `≤ ${most}`
}

function threeDigits(value: number): string {
  return value >= 1e6 ? value.toExponential(1) : count(Number(value.toPrecision(3)))
}
