import type { PruningScope } from '../../contracts/pruning.js'
import { selectMask } from './selection.js'

export type Masks = Readonly<Record<string, Uint8Array<ArrayBuffer>>>

export interface MaskUpdate {
  /** Named like the parameters; 1 = keep. */
  readonly masks: Masks
  /** Elements removed of each parameter. */
  readonly removed: Readonly<Record<string, number>>
  readonly totalRemoved: number
}

export interface MaskRequest {
  /** Scores of each prunable parameter, row-major; higher = keep. Their order breaks ties in scope `global`. */
  readonly scores: Readonly<Record<string, Float32Array>>
  /** Fraction to remove, in [0, 1). */
  readonly sparsity: number
  readonly scope: PruningScope
  /** Masks so far: what they removed stays removed. */
  readonly previous?: Readonly<Record<string, Uint8Array>>
}

/**
 * Masks with exact counts: of n elements, k = round(sparsity · n) (half up) are removed; n counts a parameter by itself in scope
 * `layer`, all of them together in scope `global`.
 */
export function updateMasks({ scores, sparsity, scope, previous = {} }: MaskRequest): MaskUpdate {
  const masks = scope === 'layer' ? byLayer(scores, sparsity, previous) : byRank(scores, sparsity, previous)
  const removed = Object.fromEntries(Object.entries(masks).map(([name, mask]) => [name, countRemoved(mask)]))
  return {
    masks,
    removed,
    totalRemoved: Object.values(removed).reduce((sum, count) => sum + count, 0),
  }
}

/** k = round(sparsity · elements), half up. */
function removedCount(sparsity: number, elements: number): number {
  return Math.round(sparsity * elements)
}

function byLayer(
  scores: MaskRequest['scores'],
  sparsity: number,
  previous: Readonly<Record<string, Uint8Array>>,
): Masks {
  return Object.fromEntries(
    Object.entries(scores).map(([name, values]) => [
      name,
      selectMask(values, removedCount(sparsity, values.length), previous[name]),
    ]),
  )
}

function byRank(
  scores: MaskRequest['scores'],
  sparsity: number,
  previous: Readonly<Record<string, Uint8Array>>,
): Masks {
  const total = Object.values(scores).reduce((sum, values) => sum + values.length, 0)
  const all = new Float32Array(total)
  const before = new Uint8Array(total).fill(1)
  const places: { name: string; begin: number; end: number }[] = []
  let begin = 0
  for (const [name, values] of Object.entries(scores)) {
    const mask = previous[name]
    all.set(values, begin)
    if (mask !== undefined) before.set(mask, begin)
    places.push({ name, begin, end: begin + values.length })
    begin += values.length
  }
  const mask = selectMask(all, removedCount(sparsity, total), before)
  return Object.fromEntries(places.map((place) => [place.name, mask.slice(place.begin, place.end)]))
}

function countRemoved(mask: Uint8Array): number {
  let kept = 0
  for (const bit of mask) kept += bit
  return mask.length - kept
}
