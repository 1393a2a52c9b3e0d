/**
 * x · max(0, α − |x|), element by element: the formula of docs/pruning.md as it is printed. It keeps small values, halves and less, and
 * makes large ones 0, so it is the opposite of pruning by magnitude; offered to reproduce it, not as advice.
 */
export function shrink(values: Float32Array, alpha: number): Float32Array<ArrayBuffer> {
  return Float32Array.from(values, (value) => value * shrinkFactor(value, alpha))
}

/** max(0, α − |x|). */
export function shrinkFactor(value: number, alpha: number): number {
  return Math.max(0, alpha - Math.abs(value))
}
