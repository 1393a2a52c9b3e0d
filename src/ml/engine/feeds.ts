import { EspalierError } from '../../errors.js'
import type { StoredTensor } from '../../formats/safetensors.js'
import { FLOAT32, INT32 } from './binding.js'
import type { Port } from './graph.js'
import type { Feeds } from './types.js'

export interface CheckedFeed {
  readonly shape: readonly number[]
  readonly dtype: number
  readonly values: Float32Array | Int32Array
}

/**
 * Feeds in the order of the signature. TensorFlow itself takes a wrong shape without a word where the operations broadcast.
 * @throws ENGINE_FAILED for a missing or unknown input, another element type or another number of elements.
 */
export function checkFeeds(signature: string, inputs: ReadonlyMap<string, Port>, feeds: Feeds): CheckedFeed[] {
  for (const name of Object.keys(feeds)) if (!inputs.has(name)) throw mismatch(signature, `has no input '${name}'`)
  return [...inputs].map(([name, { shape, dtype }]) => {
    const values = feeds[name]
    if (values === undefined) throw mismatch(signature, `needs input '${name}'`)
    const type = values instanceof Float32Array ? FLOAT32 : INT32
    if (type !== dtype) throw mismatch(signature, `takes ${nameOf(dtype)} for input '${name}', not ${nameOf(type)}`)
    if (values.length !== elements(shape))
      throw mismatch(signature, `takes shape [${shape}] for input '${name}', not ${values.length} values`)
    return { shape, dtype, values }
  })
}

/** @throws ENGINE_FAILED when the values do not have the shape and type of the state. */
export function checkValues<T extends { readonly type: string; readonly shape: readonly number[] }>(
  name: string,
  state: T,
  tensor: StoredTensor,
): T {
  if (
    tensor.type !== state.type ||
    String(tensor.shape) !== String(state.shape) ||
    tensor.values.length !== elements(state.shape)
  )
    throw new EspalierError(
      'ENGINE_FAILED',
      `state '${name}' is ${state.type} [${state.shape}], not ${tensor.type} [${tensor.shape}] of ${tensor.values.length} values`,
    )
  return state
}

function elements(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1)
}

function nameOf(dtype: number): string {
  return dtype === FLOAT32 ? 'float32' : 'int32'
}

function mismatch(signature: string, detail: string): EspalierError {
  return new EspalierError('ENGINE_FAILED', `signature '${signature}' ${detail}`)
}
