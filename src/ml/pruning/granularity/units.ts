import type { Pooling } from '../../../contracts/pruning-granularity.js'
import { type Shape, sizeOf } from '../../../planning/shape.js'
import type { UnitGroup, WeightPart } from '../../../planning/units/groups.js'
import { elementsOf, type Masks, makePool, type Pieces } from './pieces.js'

/** How the elements of a unit make its score; `coupled`: those that take what it gives count too. */
export interface UnitScoring {
  readonly pooling: Pooling
  readonly coupled: boolean
}

/**
 * Whole units of a group: what makes a unit is one piece, bias and normalization with it, which are masked but not scored.
 */
export function unitPieces(
  group: UnitGroup,
  shapes: Readonly<Record<string, Shape>>,
  { pooling, coupled }: UnitScoring,
): Pieces {
  const { layers, units } = group
  const making = units.map(({ output }) => output.filter(({ weight }) => isScored(weight)))
  const scored = coupled ? units.map(({ input }, unit) => [...(making[unit] ?? []), ...input]) : making
  return {
    ...{ name: layers.join(', '), count: units.length, least: 1 },
    pool(scores) {
      const pool = makePool(pooling, units.length)
      scored.forEach((parts, unit) => {
        for (const part of parts) {
          const own = elementsOf(scores, part.weight)
          visit(part, shapes, (element) => pool.add(unit, own[element] ?? 0))
        }
      })
      return pool.scores()
    },
    gather: (masks) => Uint8Array.from(making, (parts) => (parts.some((part) => isKept(masks, part, shapes)) ? 1 : 0)),
    expand(kept) {
      const masks: Record<string, Uint8Array<ArrayBuffer>> = {}
      units.forEach(({ output }, unit) => {
        for (const part of output) {
          const mask = masks[part.weight] ?? new Uint8Array(sizeOf(elementsOf(shapes, part.weight))).fill(1)
          masks[part.weight] = mask
          if (kept[unit] === 0)
            visit(part, shapes, (element) => {
              mask[element] = 0
            })
        }
      })
      return masks
    },
  }
}

/** Kernels and embeddings. */
export function isScored(weight: string): boolean {
  return weight.endsWith('kernel') || weight.endsWith('/embeddings')
}

/** The places of a part in the row-major values of its weight. */
export function visit(
  { weight, axis, indexes }: WeightPart,
  shapes: Readonly<Record<string, Shape>>,
  each: (element: number) => void,
): void {
  const shape = elementsOf(shapes, weight)
  const extent = shape[axis] ?? 1
  const inner = sizeOf(shape.slice(axis + 1))
  const outer = sizeOf(shape.slice(0, axis))
  for (let before = 0; before < outer; before++)
    for (const index of indexes) {
      const begin = (before * extent + index) * inner
      for (let element = begin; element < begin + inner; element++) each(element)
    }
}

function isKept(masks: Masks, part: WeightPart, shapes: Readonly<Record<string, Shape>>): boolean {
  const own = elementsOf(masks, part.weight)
  let kept = false
  visit(part, shapes, (element) => {
    if (own[element] === 1) kept = true
  })
  return kept
}
