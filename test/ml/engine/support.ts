import type { Tensor } from '@tensorflow/tfjs-core'
import type { StoredTensor } from '../../../src/formats/safetensors.js'
import { native } from '../../../src/ml/engine/binding.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { Tensors } from '../../../src/ml/engine/types.js'

export const scalar = (value: number): StoredTensor => ({ type: 'float32', shape: [], values: Float32Array.of(value) })

export const vector = (...values: number[]): StoredTensor => ({
  type: 'float32',
  shape: [values.length],
  values: Float32Array.from(values),
})

export function at(tensors: Tensors, name: string): Tensor {
  const tensor = tensors[name]
  if (!tensor) throw new Error(`no tensor ${name}`)
  return tensor
}

/** Tensors of tfjs, and handles in the addon. */
export function resources(): number[] {
  // Not part of what Espalier calls, so not part of its type.
  const addon = native as unknown as { getNumOfTensors(): number }
  return [tf.memory().numTensors, addon.getNumOfTensors()]
}
