import type { PruningGranularity } from '../../../contracts/pruning-granularity.js'
import type { Matrix } from './matrix.js'
import { elementsOf, makePool, type Pieces } from './pieces.js'

type Block = Extract<PruningGranularity, { kind: 'block' }>

/**
 * Blocks of `rows` × `columns` of a weight seen as a matrix, counted row by row from its first element; those at the far edges hold what
 * is left.
 */
export function blockPieces(name: string, matrix: Matrix, { rows, columns, pooling }: Block): Pieces {
  const across = Math.ceil(matrix.outputs / columns)
  const count = Math.ceil(matrix.inputs / rows) * across
  const visit = (each: (piece: number, element: number) => void) => {
    for (let input = 0; input < matrix.inputs; input++)
      for (let output = 0; output < matrix.outputs; output++)
        each(Math.floor(input / rows) * across + Math.floor(output / columns), matrix.at(input, output))
  }
  return {
    ...{ name, count, least: 1 },
    pool(scores) {
      const own = elementsOf(scores, name)
      const pool = makePool(pooling, count)
      visit((piece, element) => pool.add(piece, own[element] ?? 0))
      return pool.scores()
    },
    gather(masks) {
      const own = elementsOf(masks, name)
      const kept = new Uint8Array(count)
      visit((piece, element) => {
        if (own[element] === 1) kept[piece] = 1
      })
      return kept
    },
    expand(kept) {
      const mask = new Uint8Array(matrix.inputs * matrix.outputs)
      visit((piece, element) => {
        mask[element] = kept[piece] ?? 1
      })
      return { [name]: mask }
    },
  }
}
