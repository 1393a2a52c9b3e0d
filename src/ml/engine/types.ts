import type { Tensor } from '@tensorflow/tfjs-core'
import type { StoredTensor } from '../../formats/safetensors.js'

/** Tensors by name; whoever made them disposes of them. */
export type Tensors = Readonly<Record<string, Tensor>>

/**
 * One training step (or evaluation) as a pure function over named tensors, in ordinary tfjs: no host reads, no `Math.random`, no variables.
 * `state` in the result holds the entries that change; shapes and dtypes stay.
 */
export type StepFunction = (input: { readonly state: Tensors; readonly inputs: Tensors }) => {
  readonly state?: Tensors
  readonly outputs: Tensors
}

/** An input of a signature; its shape is fixed. */
export interface InputSpec {
  readonly shape: readonly number[]
  readonly dtype: 'float32' | 'int32'
}

/** A step function and what it is fed. */
export interface SignatureSpec {
  readonly inputs: Readonly<Record<string, InputSpec>>
  readonly step: StepFunction
  /** Compile with XLA; random operations stay outside of its clusters. Default false. */
  readonly xla?: boolean
}

/** Values that a caller feeds: typed arrays, checked against the signature. */
export type Feeds = Readonly<Record<string, Float32Array | Int32Array>>
/** What a call gives back: the outputs of the step function, copied to the host. */
export type Outputs = Readonly<Record<string, Float32Array | Int32Array>>

/** State lives in the session; several signatures share it. */
export interface Session {
  /** One native call. @throws ENGINE_FAILED with the text of TensorFlow; the state is then as it was before the call. */
  run(signature: string, feeds: Feeds): Outputs
  /** Copies values in. Shapes and types must be those of the declared state. */
  set(values: Readonly<Record<string, StoredTensor>>): void
  /** Copies values out (not uint8 state, which is constant data). */
  get(names?: readonly string[]): Record<string, StoredTensor>
  /** Frees the native memory; the session is of no use afterwards. */
  close(): void
}
