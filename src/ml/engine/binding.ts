import type { Tensor } from '@tensorflow/tfjs-core'
import { tf } from './tensorflow.js'

/** The part of the native addon of tfjs-node that Espalier calls. Tensor handles are plain numbers, freed by `deleteTensor`. */
export interface NativeBinding {
  executeOp(op: string, attributes: OpAttribute[], inputs: number[], outputs: number): TensorMetadata[]
  createTensor(shape: readonly number[], dtype: number, values: ArrayBufferView): number
  deleteTensor(id: number): void
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array
  loadSavedModel(folder: string, tags: string): number
  deleteSavedModel(session: number): void
  runSavedModel(session: number, inputs: number[], inputNames: string, outputNames: string): TensorMetadata[]
  isUsingGpuDevice(): boolean
  readonly TF_Version: string
  readonly TF_ATTR_STRING: number
  readonly TF_ATTR_INT: number
  readonly TF_ATTR_FLOAT: number
  readonly TF_ATTR_BOOL: number
  readonly TF_ATTR_TYPE: number
  readonly TF_ATTR_SHAPE: number
}

export interface OpAttribute {
  readonly name: string
  readonly type: number
  readonly value: unknown
}

export interface TensorMetadata {
  readonly id: number
  readonly shape: number[]
  readonly dtype: number
}

/** The backend object of tfjs-node. All but `createOutputTensor` and `tensorMap` are replaced for the length of a recording. */
export interface NativeBackend {
  binding: NativeBinding
  readonly tensorMap: { get(dataId: object): { readonly dtype: number } }
  getInputTensorIds(tensors: Tensor[]): number[]
  createOutputTensor(metadata: TensorMetadata): Tensor
  /** Takes the values of a new tensor; they are uploaded when an operation first uses it. */
  move(dataId: object, values: unknown, shape: number[], dtype: string, references: number): void
  readSync(dataId: object): unknown
}

/** `DataType` of TensorFlow. */
export const FLOAT32 = 1
export const INT32 = 3
export const UINT8 = 4
export const BOOL = 10

// tfjs types its backend as the abstract KernelBackend; this is the concrete one of tfjs-node.
export const backend = tf.backend() as unknown as NativeBackend
export const native: NativeBinding = backend.binding

export function typeAttribute(name: string, dtype: number): OpAttribute {
  return { name, type: native.TF_ATTR_TYPE, value: dtype }
}

/** Native handle of a tensor, uploaded if it was not yet. */
export function handleOf(tensor: Tensor): number {
  const [id] = backend.getInputTensorIds([tensor])
  if (id === undefined) throw new Error('a tensor without a native handle')
  return id
}

/** Runs an operation as a recordable one: through the backend's present binding. The caller frees the handles that it does not turn into tensors. */
export function execute(op: string, attributes: OpAttribute[], inputs: number[], outputs = 1): TensorMetadata[] {
  return backend.binding.executeOp(op, attributes, inputs, outputs)
}
