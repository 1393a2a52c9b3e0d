import type { PruningScope, SparsityDistribution } from '../../contracts/pruning.js'
import { type Shape, sizeOf } from '../../planning/shape.js'
import { densities } from './distribution.js'
import { selectMask } from './selection.js'

/** Pieces of one weight or group, ranked together. */
export interface Candidates {
  /** Scores of its pieces; higher = keep. */
  readonly scores: Float32Array
  /** 1 = kept so far. */
  readonly previous: Uint8Array
  /** Pieces that are kept whatever the sparsity. */
  readonly least: number
  /** Of the weight, for `er` and `erk`; of a group, that of its first weight. */
  readonly shape: Shape
}

export interface BudgetOptions {
  readonly scope: PruningScope
  readonly distribution: SparsityDistribution
  /** Fraction to remove, in [0, 1). */
  readonly sparsity: number
  /** Of the candidates by themselves; `min` as far as it applies to the present step. */
  readonly bounds: { readonly min: number; readonly max: number }
  /** What is kept of candidates is a multiple of it, by keeping more. */
  readonly roundTo: number
}

/**
 * How many pieces to remove of each of the candidates: k = round(sparsity · n), half up, where n counts candidates by themselves in scope
 * `layer`, all of them together in scope `global`; within the bounds, never fewer than are removed already.
 */
export function removalCounts(candidates: readonly Candidates[], options: BudgetOptions): number[] {
  const limits = candidates.map((each) => limitsOf(each, options.bounds))
  const counts = options.scope === 'layer' ? byLayer(candidates, options) : byRank(candidates, options.sparsity, limits)
  return roundedCounts(candidates, clampAll(counts, limits), options.roundTo)
}

/** How many pieces of each of the candidates score below `alpha`, within the bounds. */
export function countsBelow(
  candidates: readonly Candidates[],
  alpha: number,
  { bounds, roundTo }: Pick<BudgetOptions, 'bounds' | 'roundTo'>,
): number[] {
  const counts = candidates.map(({ scores, previous }) =>
    scores.reduce((count, score, piece) => count + (score < alpha || previous[piece] === 0 ? 1 : 0), 0),
  )
  return roundedCounts(
    candidates,
    clampAll(
      counts,
      candidates.map((each) => limitsOf(each, bounds)),
    ),
    roundTo,
  )
}

interface Limits {
  readonly fewest: number
  readonly most: number
}

function limitsOf({ scores, previous, least }: Candidates, { min, max }: BudgetOptions['bounds']): Limits {
  const size = scores.length
  const removed = size - previous.reduce((sum, bit) => sum + bit, 0)
  const most = Math.max(removed, Math.min(size - least, Math.floor(max * size)))
  return { fewest: Math.min(most, Math.max(removed, Math.round(min * size))), most }
}

function clampAll(counts: readonly number[], limits: readonly Limits[]): number[] {
  return counts.map((count, index) => clamp(count, limits[index] ?? { fewest: 0, most: 0 }))
}

function clamp(count: number, { fewest, most }: Limits): number {
  return Math.min(most, Math.max(fewest, count))
}

/** Keeps more, to the next multiple, as far as pieces are left. */
function roundedCounts(candidates: readonly Candidates[], counts: readonly number[], roundTo: number): number[] {
  return candidates.map(({ scores, previous }, index) => {
    const left = previous.reduce((sum, bit) => sum + bit, 0)
    const kept = Math.ceil((scores.length - (counts[index] ?? 0)) / roundTo) * roundTo
    return scores.length - Math.min(kept, left)
  })
}

function byLayer(candidates: readonly Candidates[], { sparsity, distribution }: BudgetOptions): number[] {
  if (distribution === 'uniform') return candidates.map(({ scores }) => Math.round(sparsity * scores.length))
  const shapes = candidates.map(({ shape }) => shape)
  const total = shapes.reduce((sum, shape) => sum + sizeOf(shape), 0)
  const kept = densities(shapes, total - Math.round(sparsity * total), distribution)
  return candidates.map(({ scores }, index) => Math.round((1 - (kept[index] ?? 1)) * scores.length))
}

/** Ranks all together; candidates that would leave their limits are held there, and the others are ranked again for the rest. */
function byRank(candidates: readonly Candidates[], sparsity: number, limits: readonly Limits[]): number[] {
  const total = Math.round(sparsity * candidates.reduce((sum, { scores }) => sum + scores.length, 0))
  const held = new Map<number, number>()
  for (;;) {
    const free = candidates.map((_, index) => index).filter((index) => !held.has(index))
    const rest = total - [...held.values()].reduce((sum, count) => sum + count, 0)
    const counts = rankTogether(candidates, free, rest)
    const beyond = (isBeyond: (count: number, limit: Limits) => boolean, hold: (limit: Limits) => number) => {
      const found = free.filter((index) => isBeyond(counts.get(index) ?? 0, limits[index] ?? { fewest: 0, most: 0 }))
      for (const index of found) held.set(index, hold(limits[index] ?? { fewest: 0, most: 0 }))
      return found.length > 0
    }
    const isOver = beyond(
      (count, { most }) => count > most,
      ({ most }) => most,
    )
    if (isOver) continue
    const isUnder = beyond(
      (count, { fewest }) => count < fewest,
      ({ fewest }) => fewest,
    )
    if (!isUnder) return candidates.map((_, index) => held.get(index) ?? counts.get(index) ?? 0)
  }
}

/** How many of each of the candidates `free` are among the `count` lowest of them all; the order of the candidates breaks ties. */
function rankTogether(candidates: readonly Candidates[], free: readonly number[], count: number): Map<number, number> {
  const parts = free.map((index) => ({ index, ...(candidates[index] as Candidates) })) // indexes of `candidates`
  const size = parts.reduce((sum, { scores }) => sum + scores.length, 0)
  const scores = new Float32Array(size)
  const previous = new Uint8Array(size)
  let begin = 0
  const places = parts.map((part) => {
    scores.set(part.scores, begin)
    previous.set(part.previous, begin)
    const place = { index: part.index, begin, end: begin + part.scores.length }
    begin = place.end
    return place
  })
  const mask = selectMask(scores, Math.min(size, Math.max(0, count)), previous)
  return new Map(
    places.map((place) => {
      const own = mask.subarray(place.begin, place.end)
      return [place.index, own.length - own.reduce((sum, bit) => sum + bit, 0)]
    }),
  )
}
