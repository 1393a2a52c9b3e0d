/**
 * Names of the gradients that hold NaN or infinity, from the `tensorNorms` that every clipping mode records (before clipping).
 * `names` are the keys of the gradients in their order.
 */
export function nonFiniteGradients(names: readonly string[], tensorNorms: Float32Array): string[] {
  return names.filter((_, index) => !Number.isFinite(tensorNorms[index]))
}
