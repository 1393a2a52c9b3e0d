/** Element types that Espalier stores. */
export type TensorType = 'float32' | 'int32' | 'uint8'
export type TensorValues = Float32Array | Int32Array | Uint8Array

export interface StoredTensor {
  readonly type: TensorType
  readonly shape: readonly number[]
  /** Row-major. */
  readonly values: TensorValues
}
export type StoredTensors = Readonly<Record<string, StoredTensor>>
