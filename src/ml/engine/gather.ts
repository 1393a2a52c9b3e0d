import type { Tensor } from '@tensorflow/tfjs-core'
import { backend, execute, FLOAT32, handleOf, INT32, native, typeAttribute, UINT8 } from './binding.js'
import { isOpaque } from './opaque.js'
import { tf } from './tensorflow.js'

/**
 * Rows of resident data: `data` [rows, …], `indices` int32 [batch] → [batch, …]. uint8 data come back as float32 (0 to 255), others keep their type.
 * An index outside of the data is an error of the call on a CPU; a GPU returns zeros, so indices are made by Espalier alone.
 */
export function gatherRows(data: Tensor, indices: Tensor): Tensor {
  if (!isOpaque(data)) return tf.gather(data, indices as typeof data & { rank: 1 })
  return tf.tidy(() => {
    const axis = handleOf(tf.scalar(0, 'int32'))
    const attributes = [
      { name: 'batch_dims', type: native.TF_ATTR_INT, value: 0 },
      typeAttribute('Tparams', UINT8),
      typeAttribute('Tindices', INT32),
      typeAttribute('Taxis', INT32),
    ]
    const [rows] = execute('GatherV2', attributes, [handleOf(data), handleOf(indices), axis])
    if (!rows) throw new Error('GatherV2 gave no output')
    const cast = [
      typeAttribute('SrcT', UINT8),
      typeAttribute('DstT', FLOAT32),
      { name: 'Truncate', type: native.TF_ATTR_BOOL, value: false },
    ]
    const [floats] = execute('Cast', cast, [rows.id])
    native.deleteTensor(rows.id)
    if (!floats) throw new Error('Cast gave no output')
    return backend.createOutputTensor(floats)
  })
}
