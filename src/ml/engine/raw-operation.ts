import type { Tensor } from '@tensorflow/tfjs-core'
import { backend, execute, handleOf, native, type OpAttribute } from './binding.js'

export const type = (name: string, dtype: number): OpAttribute => ({ name, type: native.TF_ATTR_TYPE, value: dtype })
export const bool = (name: string, value: boolean): OpAttribute => ({ name, type: native.TF_ATTR_BOOL, value })
export const float = (name: string, value: number): OpAttribute => ({ name, type: native.TF_ATTR_FLOAT, value })
export const text = (name: string, value: string): OpAttribute => ({ name, type: native.TF_ATTR_STRING, value })
export const int = (name: string, value: number | readonly number[]): OpAttribute => ({
  name,
  type: native.TF_ATTR_INT,
  value,
})

/**
 * Runs a TensorFlow operation that tfjs does not offer, recordable and without a gradient of its own.
 * Attributes that the operation has are all given: eager TensorFlow infers types, a graph does not.
 * @returns its first output
 */
export function operation(name: string, attributes: OpAttribute[], inputs: readonly Tensor[]): Tensor {
  const [first] = operations(name, attributes, inputs, 1)
  return first
}

/** The same for an operation with several outputs, all of which are returned. */
export function operations(
  name: string,
  attributes: OpAttribute[],
  inputs: readonly Tensor[],
  outputs: number,
): [Tensor, ...Tensor[]] {
  const [first, ...others] = execute(name, attributes, inputs.map(handleOf), outputs).map((output) =>
    backend.createOutputTensor(output),
  )
  if (!first) throw new Error(`${name} gave no output`)
  return [first, ...others]
}
