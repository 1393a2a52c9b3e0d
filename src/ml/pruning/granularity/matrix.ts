import type { Shape } from '../../../planning/shape.js'

/** A weight seen as a matrix [inputs, outputs] without being moved. */
export interface Matrix {
  readonly inputs: number
  readonly outputs: number
  /** Place of the element in the row-major values. */
  at(input: number, output: number): number
}

/**
 * The last axis are the outputs, all others the inputs; in the kernel of a transposed convolution, [height, width, outputs, inputs],
 * the last but one are the outputs. A vector has one input.
 */
export function matrixOf(shape: Shape, isTransposed = false): Matrix {
  const last = shape.at(-1) ?? 1
  const size = shape.reduce((product, extent) => product * extent, 1)
  if (!isTransposed) return { inputs: size / last, outputs: last, at: (input, output) => input * last + output }
  const outputs = shape.at(-2) ?? 1
  return {
    inputs: size / outputs,
    outputs,
    at: (input, output) => (Math.floor(input / last) * outputs + output) * last + (input % last),
  }
}
