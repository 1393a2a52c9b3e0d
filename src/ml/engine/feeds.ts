import type { Tensor } from '@tensorflow/tfjs-core'
import type { EspalierError } from '../../errors.js'
import type { StoredTensor, TensorType } from '../../formats/safetensors.js'
import { refusal } from './failure.js'
import { storedType } from './opaque.js'
import type { Feeds, InputSpec } from './types.js'

interface Declared {
  readonly type: TensorType
  readonly shape: readonly number[]
}

/**
 * Feeds in the order of the signature. TensorFlow itself takes a wrong shape without a word where the operations broadcast.
 * @throws ENGINE_FAILED for a missing or unknown input, another element type or another number of elements.
 */
export function checkFeeds(
  signature: string,
  inputs: Readonly<Record<string, InputSpec>>,
  feeds: Feeds,
): (Float32Array | Int32Array)[] {
  for (const name of Object.keys(feeds))
    if (!Object.hasOwn(inputs, name)) throw mismatch(signature, `has no input '${name}'`)
  return Object.entries(inputs).map(([name, { shape, dtype }]) => {
    const values = feeds[name]
    if (values === undefined) throw mismatch(signature, `needs input '${name}'`)
    const isRight = dtype === 'float32' ? values instanceof Float32Array : values instanceof Int32Array
    if (!isRight) throw mismatch(signature, `takes ${dtype} for input '${name}', not ${values.constructor.name}`)
    if (values.length !== elements(shape))
      throw mismatch(signature, `takes shape [${shape}] for input '${name}', not ${values.length} values`)
    return values
  })
}

/** @throws ENGINE_FAILED when there is no such state, or the values do not have its shape and type. */
export function checkValues(name: string, state: Declared | undefined, tensor: StoredTensor): void {
  if (!state) throw unknownState(name)
  if (
    tensor.type !== state.type ||
    String(tensor.shape) !== String(state.shape) ||
    tensor.values.length !== elements(state.shape)
  )
    throw refusal(
      `state '${name}' is ${state.type} [${state.shape}], not ${tensor.type} [${tensor.shape}] of ${tensor.values.length} values`,
    )
}

/** @throws ENGINE_FAILED when a step returns state that was not declared, or of another shape or type. */
export function checkUpdate(signature: string, name: string, state: Declared | undefined, tensor: Tensor): void {
  if (!state) throw mismatch(signature, `returns state '${name}', which was not declared`)
  const type = storedType(tensor)
  if (type !== state.type || String(tensor.shape) !== String(state.shape))
    throw mismatch(
      signature,
      `changes state '${name}' from ${state.type} [${state.shape}] to ${type} [${tensor.shape}]`,
    )
}

/** @throws ENGINE_FAILED for an output that is neither float32 nor int32. */
export function checkOutput(signature: string, name: string, tensor: Tensor): InputSpec {
  const dtype = storedType(tensor)
  if (dtype !== 'float32' && dtype !== 'int32')
    throw mismatch(signature, `returns output '${name}' as ${dtype}: outputs are float32 or int32, cast it`)
  return { shape: tensor.shape, dtype }
}

export function unknownState(name: string): EspalierError {
  return refusal(`there is no state '${name}'`)
}

/** Names to read when the caller gave none: all but uint8 state. @throws ENGINE_FAILED for names that cannot be read. */
export function readable(state: ReadonlyMap<string, Declared>, names?: readonly string[]): readonly string[] {
  if (!names) return [...state].filter(([, { type }]) => type !== 'uint8').map(([name]) => name)
  for (const name of names) {
    const declared = state.get(name)
    if (!declared) throw unknownState(name)
    if (declared.type === 'uint8') throw refusal(`state '${name}' is uint8, which cannot be read back`)
  }
  return names
}

function elements(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1)
}

function mismatch(signature: string, detail: string): EspalierError {
  return refusal(`signature '${signature}' ${detail}`)
}
