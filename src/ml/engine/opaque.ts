import type { Tensor } from '@tensorflow/tfjs-core'
import type { StoredTensor, TensorType } from '../../formats/safetensors.js'
import { backend, FLOAT32, INT32, native, UINT8 } from './binding.js'

/** tfjs has no uint8 tensors: such state looks like an int32 tensor, and only `gatherRows` knows better. */
const bytes = new WeakSet<object>()

export function isOpaque(tensor: Tensor): boolean {
  return bytes.has(tensor.dataId)
}

/** Type of a tensor as state: tfjs calls uint8 tensors int32. */
export function storedType(tensor: Tensor): TensorType | Exclude<Tensor['dtype'], TensorType> {
  return isOpaque(tensor) ? 'uint8' : tensor.dtype
}

export function nativeType(type: TensorType): number {
  return type === 'float32' ? FLOAT32 : type === 'int32' ? INT32 : UINT8
}

/** A tfjs tensor with the values of a stored one. The caller disposes it. */
export function upload({ type, shape, values }: StoredTensor): Tensor {
  const dtype = nativeType(type)
  // A copy: a native tensor may alias a JavaScript array whose memory is aligned.
  const tensor = backend.createOutputTensor({
    id: native.createTensor(shape, dtype, values.slice()),
    shape: [...shape],
    dtype,
  })
  if (dtype === UINT8) bytes.add(tensor.dataId)
  return tensor
}
