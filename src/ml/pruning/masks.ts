import type { Shape } from '../../planning/shape.js'
import { type BudgetOptions, type Candidates, countsBelow, removalCounts } from './budget.js'
import type { Masks, Pieces } from './granularity/pieces.js'
import { selectMask } from './selection.js'

/** Pieces of a weight or group with their scores; higher = keep. */
export interface Scored {
  readonly pieces: Pieces
  readonly scores: Float32Array
  /** Of the weight; of a group, of its first one. */
  readonly shape: Shape
}

/** What a mask update did to the pieces of a weight or group. */
export interface PieceUpdate {
  readonly name: string
  readonly pieces: number
  /** Of them, since the beginning. */
  readonly removed: number
  /** The highest score among those that were removed now; null if none was. */
  readonly threshold: number | null
}

export interface MaskUpdate {
  /** Named like the weights; 1 = keep. */
  readonly masks: Masks
  readonly updates: readonly PieceUpdate[]
}

/** Removes as many as a sparsity says, or all whose score is below `alpha`. */
export type Amount = BudgetOptions | ({ readonly alpha: number } & Pick<BudgetOptions, 'bounds' | 'roundTo'>)

/**
 * Masks with exact counts; among equal scores the piece of lower index is kept, and in scope `global` that of the earlier weight. What
 * `previous` removed stays removed.
 */
export function updateMasks(scored: readonly Scored[], previous: Masks, amount: Amount): MaskUpdate {
  const candidates = scored.map(
    ({ pieces, scores, shape }): Candidates => ({
      ...{ scores, shape, least: pieces.least },
      previous: pieces.gather(previous),
    }),
  )
  const counts = 'alpha' in amount ? countsBelow(candidates, amount.alpha, amount) : removalCounts(candidates, amount)
  const results = scored.map(({ pieces }, index) => {
    const { scores, previous: before } = candidates[index] as Candidates // one for each of `scored`
    const kept = selectMask(scores, counts[index] ?? 0, before)
    const removed = kept.length - kept.reduce((sum, bit) => sum + bit, 0)
    const threshold = highestRemoved(scores, before, kept)
    return {
      masks: pieces.expand(kept),
      update: { name: pieces.name, pieces: pieces.count, removed, threshold },
    }
  })
  return {
    masks: intersect([previous, ...results.map(({ masks }) => masks)]),
    updates: results.map(({ update }) => update),
  }
}

function highestRemoved(scores: Float32Array, before: Uint8Array, kept: Uint8Array): number | null {
  let highest: number | null = null
  for (let piece = 0; piece < kept.length; piece++) {
    if (kept[piece] === 1 || before[piece] === 0) continue
    const score = scores[piece] ?? 0
    if (highest === null || score > highest) highest = score
  }
  return highest
}

/** An element is kept if all masks that there are of its weight keep it. */
function intersect(all: readonly Masks[]): Masks {
  const result: Record<string, Uint8Array<ArrayBuffer>> = {}
  for (const masks of all)
    for (const [name, mask] of Object.entries(masks)) {
      const before = result[name]
      result[name] = before === undefined ? mask.slice() : before.map((bit, index) => bit & (mask[index] ?? 1))
    }
  return result
}
