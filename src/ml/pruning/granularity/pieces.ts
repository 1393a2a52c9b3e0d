import type { Pooling } from '../../../contracts/pruning-granularity.js'

/** Elements by weight, row-major; of scores or of masks (1 = keep). */
export type Scores = Readonly<Record<string, Float32Array>>
export type Masks = Readonly<Record<string, Uint8Array<ArrayBuffer>>>

/**
 * What is kept or removed as a whole, of one weight or of a group of coupled ones: elements, blocks, units. Pieces cover their weights
 * without overlap, or part of them.
 */
export interface Pieces {
  /** Of the weight, or of the group. */
  readonly name: string
  readonly count: number
  /** Pieces that are kept whatever the sparsity. */
  readonly least: number
  /** One score a piece, from those of its elements. */
  pool(elements: Scores): Float32Array
  /** Pieces of which an element is kept are 1. */
  gather(masks: Masks): Uint8Array<ArrayBuffer>
  /** Masks of whole weights; elements that belong to no piece are 1. */
  expand(kept: Uint8Array): Masks
}

/** Sums up the scores of the elements of a piece. */
export interface Pool {
  add(piece: number, score: number): void
  scores(): Float32Array
}

/** @param count Of pieces. A piece without elements scores 0. */
export function makePool(kind: Pooling, count: number): Pool {
  const totals = new Float64Array(count).fill(kind === 'max' ? Number.NEGATIVE_INFINITY : 0)
  const elements = new Uint32Array(count)
  const total = (piece: number) => totals[piece] ?? 0
  return {
    add(piece, score) {
      elements[piece] = (elements[piece] ?? 0) + 1
      if (kind === 'max') totals[piece] = Math.max(total(piece), score)
      else totals[piece] = total(piece) + (kind === 'l2' ? score * score : score)
    },
    scores: () =>
      Float32Array.from(totals, (sum, piece) => {
        const count = elements[piece] ?? 0
        if (count === 0) return 0
        return kind === 'l2' ? Math.sqrt(sum) : kind === 'mean' ? sum / count : sum
      }),
  }
}

/** The elements of one weight. @throws Error if there are none: a mistake of the caller. */
export function elementsOf<T>(elements: Readonly<Record<string, T>>, name: string): T {
  const own = elements[name]
  if (own === undefined) throw new Error(`there are no elements of weight '${name}'`)
  return own
}
