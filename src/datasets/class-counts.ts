import type { TensorValues } from '../formats/safetensors.js'

/** Rows of each of `classes` classes among `labels` [rows], which are 0 to classes − 1. */
export function countClasses(labels: TensorValues, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0)
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1
  return counts
}
