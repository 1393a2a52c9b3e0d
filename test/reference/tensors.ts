import type { Tensor } from '@tensorflow/tfjs-core'
import { tf } from '../../src/ml/engine/tensorflow.js'
import type { Tensors } from '../../src/ml/engine/types.js'
import type { ReferenceTensor } from './json.js'

export function toTensor({ shape, data }: ReferenceTensor, dtype: 'float32' | 'int32' = 'float32'): Tensor {
  return tf.tensor([...data], [...shape], dtype)
}

/** Named `w0`, `w1`, …: records of integer-like names would not keep their order. */
export function toTensors(list: readonly ReferenceTensor[]): Tensors {
  return Object.fromEntries(list.map((tensor, index) => [`w${index}`, toTensor(tensor)]))
}

export function tensorOf(tensors: Tensors, name: string): Tensor {
  const tensor = tensors[name]
  if (tensor === undefined) throw new Error(`there is no tensor ${name}`)
  return tensor
}

export function scalarOf(tensor: Tensor | undefined): number {
  const value = tensor?.dataSync()[0]
  if (value === undefined) throw new Error('there is no such number')
  return value
}
