import type { SparsityDistribution } from '../../contracts/pruning.js'
import { type Shape, sizeOf } from '../../planning/shape.js'

/**
 * Share of each weight that is kept, so that `kept` of all elements are: the same everywhere (`uniform`), or
 * ε · Σ extents / Π extents, of all axes (`erk`) or of the last two (`er`); a weight that would get more than 1 is kept whole, and ε
 * is solved again for the others.
 * @see Evci et al., "Rigging the lottery: making all tickets winners", 2020; Mocanu et al., 2018.
 */
export function densities(shapes: readonly Shape[], kept: number, kind: SparsityDistribution): number[] {
  return solve(shapes, kept, kind).densities
}

/** `scale` is ε; `whole`, indexes of the weights that are kept whole. */
export function solve(
  shapes: readonly Shape[],
  kept: number,
  kind: SparsityDistribution,
): { densities: number[]; scale: number; whole: number[] } {
  const total = shapes.reduce((sum, shape) => sum + sizeOf(shape), 0)
  if (kind === 'uniform') return { densities: shapes.map(() => kept / total), scale: kept / total, whole: [] }
  const parts = shapes.map((shape) => ({
    size: sizeOf(shape),
    raw: rawDensity(kind === 'er' ? shape.slice(-2) : shape),
  }))
  const whole = new Set<number>()
  for (;;) {
    const sum = (of: (part: { size: number; raw: number }) => number, isWhole: boolean) =>
      parts.reduce((total, part, index) => (whole.has(index) === isWhole ? total + of(part) : total), 0)
    const free = sum(({ size, raw }) => size * raw, false)
    const scale = free > 0 ? Math.max(0, kept - sum(({ size }) => size, true)) / free : 0
    const largest = Math.max(...parts.map(({ raw }, index) => (whole.has(index) ? 0 : raw)))
    if (scale * largest <= 1)
      return {
        densities: parts.map(({ raw }, index) => (whole.has(index) ? 1 : scale * raw)),
        scale,
        whole: [...whole].sort((a, b) => a - b),
      }
    parts.forEach(({ raw }, index) => {
      if (raw === largest) whole.add(index)
    })
  }
}

function rawDensity(shape: Shape): number {
  return shape.reduce((sum, extent) => sum + extent, 0) / sizeOf(shape)
}
