import type { Tensor } from '@tensorflow/tfjs-core'
import { tf } from './tensorflow.js'
import type { Tensors } from './types.js'

/** Elements of an output that is joined; longer ones are not worth another copy. */
const FEW = 1024

/** Where the values of an output lie in what is fetched. */
export interface Place {
  readonly name: string
  /** Index of the tensor that is fetched. */
  readonly fetch: number
  readonly begin: number
  readonly length: number
}

export interface JoinedOutputs {
  readonly fetched: readonly Tensor[]
  /** In the order of the outputs. */
  readonly places: readonly Place[]
}

/** Small float32 outputs one behind the other in one vector: each that is fetched by itself costs a synchronization and a copy to the host. */
export function joinOutputs(outputs: Tensors): JoinedOutputs {
  const isSmall = ({ dtype, size }: Tensor) => dtype === 'float32' && size <= FEW
  const small = Object.values(outputs).filter(isSmall)
  const fetched = small.length > 1 ? [tf.concat(small.map(flat))] : []
  const joins = fetched.length > 0
  let end = 0
  const places = Object.entries(outputs).map(([name, tensor]): Place => {
    const length = tensor.size
    if (!joins || !isSmall(tensor)) return { name, fetch: fetched.push(tensor) - 1, begin: 0, length }
    end += length
    return { name, fetch: 0, begin: end - length, length }
  })
  return { fetched, places }
}

function flat(tensor: Tensor): Tensor {
  return tensor.rank === 1 ? tensor : tf.reshape(tensor, [tensor.size])
}
