import type { Outputs } from '../engine/types.js'

/** Output of a step as a vector. @throws Error if the step has no such output or one of another length */
export function vectorOf(outputs: Outputs, name: string, length: number): ArrayLike<number> {
  const values = outputs[name]
  if (values?.length === length) return values
  throw new Error(`the step gives ${values?.length ?? 'no'} numbers '${name}', the ledger expects ${length}`)
}

/** Output of a step as a number. @throws Error if the step has no such output */
export function scalarOf(outputs: Outputs, name: string): number {
  return vectorOf(outputs, name, 1)[0] ?? Number.NaN
}
