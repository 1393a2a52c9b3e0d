import type { PruningSpec } from '../contracts/pruning.js'
import { removesUnits } from '../contracts/pruning-granularity.js'
import { type Finding, outOfRange } from './finding.js'
import { selectedWeights } from './prunable.js'
import { sizeOf } from './shape.js'
import type { LayerDescription } from './shapes.js'

/** What can be removed of a weight, or of a group of coupled layers. */
export interface Removable {
  readonly name: string
  readonly pieces: number
  /** Pieces that stay whatever the sparsity. */
  readonly least: number
}

/** The weights of a spec that removes elements or blocks. Of blocks one of each weight stays. */
export function weightPieces(spec: PruningSpec, layers: readonly LayerDescription[]): Removable[] {
  const { granularity } = spec
  return selectedWeights(spec, layers).map(({ name, shape, isTransposed }) => {
    const size = sizeOf(shape)
    if (granularity.kind !== 'block') return { name, pieces: size, least: 0 }
    const outputs = shape.at(isTransposed ? -2 : -1) ?? 1
    const pieces = Math.ceil(size / outputs / granularity.rows) * Math.ceil(outputs / granularity.columns)
    return { name, pieces, least: 1 }
  })
}

/** That the sparsity which a schedule ends with can be reached, and removes something. */
export function checkReach(spec: PruningSpec, candidates: readonly Removable[]): Finding[] {
  const { granularity, selection, scope, distribution, schedule } = spec
  const { pointer, sparsity } = targetOf(schedule)
  if (granularity.kind === 'n-of-m' || selection.kind !== 'sparsity' || sparsity === 0) return []
  const limits = candidates.map((each) => limitsOf(each, spec.layerSparsity))
  const what = removesUnits(granularity) ? 'units' : granularity.kind === 'block' ? 'blocks' : 'weights'
  const goal = { pointer, sparsity, what }
  if (spec.roundTo > 1 && candidates.every(({ pieces }) => pieces <= spec.roundTo))
    return [keepsAll(goal, candidates, spec.roundTo)]
  const bounds = spec.layerSparsity
  // Of units and blocks er and erk reach a sum of weights, not of pieces.
  if (scope === 'layer' && distribution !== 'uniform' && granularity.kind !== 'element')
    return checkBounds(goal, bounds)
  const together = scope === 'global' || distribution !== 'uniform'
  const found = together
    ? checkTogether(goal, candidates, limits)
    : candidates.flatMap((each, index) => checkOne(goal, each, limits[index] ?? NONE, bounds.max))
  return found.length > 0 ? found : checkRounding(goal, candidates, limits, { roundTo: spec.roundTo, together })
}

interface Goal {
  readonly pointer: string
  readonly sparsity: number
  readonly what: string
}

interface Limits {
  readonly fewest: number
  readonly most: number
}
const NONE: Limits = { fewest: 0, most: 0 }

function limitsOf({ pieces, least }: Removable, { min, max }: PruningSpec['layerSparsity']): Limits {
  const most = Math.min(pieces - least, Math.floor(max * pieces))
  return { most, fewest: Math.min(most, Math.round(min * pieces)) }
}

function checkOne(
  { pointer, sparsity, what }: Goal,
  { name, pieces, least }: Removable,
  { fewest, most }: Limits,
  max: number,
): Finding[] {
  const count = Math.round(sparsity * pieces)
  // A ceiling as high as the sparsity is met, but for rounding.
  if (count > most && (sparsity > max || count > pieces - least))
    return [
      outOfRange(
        pointer,
        `of the ${pieces} ${what} of ${name} at most ${most} can go, the nearest is ${floored(most / pieces)}: take that, scope global, or exclude the layer`,
      ),
    ]
  if (count < fewest)
    return [
      outOfRange(
        '/pruning/layerSparsity/min',
        `of the ${pieces} ${what} of ${name} at least ${fewest} would go, more than the ${count} of the schedule: take at most ${floored(count / pieces)}, or scope global`,
      ),
    ]
  return []
}

function checkTogether({ pointer, sparsity, what }: Goal, all: readonly Removable[], limits: readonly Limits[]) {
  const total = sum(all.map(({ pieces }) => pieces))
  const [fewest, most] = [sum(limits.map((each) => each.fewest)), sum(limits.map((each) => each.most))]
  const count = Math.round(sparsity * total)
  if (count > most)
    return [
      outOfRange(
        pointer,
        `what stays of each layer (one unit or block, and by layerSparsity.max) leaves at most ${most} of ${total} ${what} that can go, the nearest is ${floored(most / total)}`,
      ),
    ]
  if (count < fewest)
    return [
      outOfRange(
        '/pruning/layerSparsity/min',
        `at least ${fewest} of ${total} ${what} would go, more than the ${count} of the schedule: take at most ${floored(count / total)}`,
      ),
    ]
  return count === 0 ? [nothing({ pointer, sparsity, what }, total)] : []
}

function checkBounds({ sparsity }: Goal, { min, max }: PruningSpec['layerSparsity']): Finding[] {
  const found: Finding[] = []
  if (max < sparsity)
    found.push(outOfRange('/pruning/layerSparsity/max', `is below the sparsity of the schedule, ${sparsity}`))
  if (min > sparsity)
    found.push(outOfRange('/pruning/layerSparsity/min', `is above the sparsity of the schedule, ${sparsity}`))
  return found
}

/** Counts are rounded, and then what is kept to a multiple of `roundTo`: something has to go somewhere. */
function checkRounding(
  goal: Goal,
  all: readonly Removable[],
  limits: readonly Limits[],
  { roundTo, together }: { readonly roundTo: number; readonly together: boolean },
): Finding[] {
  // Ranked together, the whole sum may fall on one.
  const total = Math.round(goal.sparsity * sum(all.map(({ pieces }) => pieces)))
  const counts = all.map(({ pieces }, index) =>
    Math.min(limits[index]?.most ?? 0, together ? total : Math.round(goal.sparsity * pieces)),
  )
  if (counts.every((count) => count === 0)) return [nothing(goal, Math.max(...all.map(({ pieces }) => pieces)))]
  const isRemoved = ({ pieces }: Removable, index: number) =>
    Math.ceil((pieces - (counts[index] ?? 0)) / roundTo) * roundTo < pieces
  return all.some(isRemoved) ? [] : [keepsAll(goal, all, roundTo)]
}

function keepsAll({ what }: Goal, all: readonly Removable[], roundTo: number): Finding {
  const sizes = all.map(({ name, pieces }) => `${name} has ${pieces}`).join(', ')
  return outOfRange('/pruning/roundTo', `keeps all ${what}, as multiples of ${roundTo} (${sizes}): take less`)
}

function nothing({ pointer, sparsity, what }: Goal, pieces: number): Finding {
  const least = Math.ceil(10_000 * (0.5 / pieces)) / 10_000
  return outOfRange(
    pointer,
    `${sparsity} of ${pieces} ${what} is less than half of one: nothing would be removed; the least is ${least}`,
  )
}

/** What a schedule ends with; 0 where something else decides. */
function targetOf(schedule: PruningSpec['schedule']): { pointer: string; sparsity: number } {
  if (schedule.kind !== 'multi-step')
    return { pointer: '/pruning/schedule/finalSparsity', sparsity: schedule.finalSparsity ?? 0 }
  const last = schedule.milestones.length - 1
  return {
    pointer: `/pruning/schedule/milestones/${last}/sparsity`,
    sparsity: schedule.milestones[last]?.sparsity ?? 0,
  }
}

/** Rounded down to what can be written. */
function floored(sparsity: number): number {
  return Math.floor(sparsity * 10_000) / 10_000
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
