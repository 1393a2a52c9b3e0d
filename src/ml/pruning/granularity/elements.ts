import { elementsOf, type Pieces } from './pieces.js'

/** Every element of a weight is a piece. */
export function elementPieces(name: string, count: number): Pieces {
  return {
    ...{ name, count, least: 0 },
    pool: (scores) => elementsOf(scores, name),
    gather: (masks) => elementsOf(masks, name),
    expand: (kept) => ({ [name]: Uint8Array.from(kept) }),
  }
}
