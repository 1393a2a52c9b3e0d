import { problem } from '../errors.js'
import type { StoredTensor } from '../formats/safetensors.js'

const UNSIGNED_BYTE = 0x08

/**
 * The IDX format of MNIST, for bytes: 0 0 type rank, rank sizes as big-endian uint32, values in row-major order. Values are a view into `file`.
 * @throws DATASET_INVALID
 */
export function decodeIdx(file: Uint8Array): StoredTensor {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const rank = file[3] ?? 0
  const start = 4 + 4 * rank
  if (file.length < start || view.getUint16(0) !== 0 || file[2] !== UNSIGNED_BYTE)
    throw problem('DATASET_INVALID', 'the file is not an IDX file of unsigned bytes')
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis))
  const count = shape.reduce((product, extent) => product * extent, 1)
  if (file.length !== start + count)
    throw problem('DATASET_INVALID', `the IDX file has ${file.length - start} values, its header says ${count}`)
  return { type: 'uint8', shape, values: file.subarray(start) }
}
