import { FormatError } from './format-error.js'
import { decodeSafetensors, encodeSafetensors, type StoredTensor, type StoredTensors } from './safetensors.js'

const FORMAT = 'espalier-sparse-1'
const BITMAP = ':bitmap'
const VALUES = ':values'
const SHAPE = 'shape:'
/** A JSON list of whole numbers, as `encodeSparse` writes it. */
const SHAPE_LIST = /^\[(?:(?:0|[1-9]\d*)(?:,(?:0|[1-9]\d*))*)?\]$/

/**
 * Tensors with many zeros in few bytes. The file is itself a safetensors file, so any reader of that format opens it. A tensor
 * `w` is stored as it is, or, where that is smaller, as two tensors:
 * - `w:bitmap`, uint8 [⌈n / 8⌉]: bit i mod 8 (lowest first) of byte ⌊i / 8⌋ is 1 where element i (row-major) is not zero;
 * - `w:values`: the elements that are not zero, in order;
 * with metadata `shape:w` (JSON list). Metadata `format` is `espalier-sparse-1`. −0 comes back as 0.
 * @throws FormatError if a name contains `:`.
 */
export function encodeSparse(tensors: StoredTensors): Uint8Array {
  const stored: Record<string, StoredTensor> = {}
  const metadata: Record<string, string> = { format: FORMAT }
  for (const [name, tensor] of Object.entries(tensors)) {
    if (name.includes(':')) throw new FormatError(`tensor ${name}: a name cannot contain ":"`)
    const { bitmap, values } = pack(tensor)
    if (bitmap.values.byteLength + values.values.byteLength < tensor.values.byteLength) {
      stored[name + BITMAP] = bitmap
      stored[name + VALUES] = values
      metadata[SHAPE + name] = JSON.stringify(tensor.shape)
    } else stored[name] = tensor
  }
  return encodeSafetensors(stored, metadata)
}

/** @throws FormatError if the bytes are not a file of this format, or bitmap, values and shape of a tensor disagree. */
export function decodeSparse(bytes: Uint8Array): StoredTensors {
  const { tensors: stored, metadata } = decodeSafetensors(bytes)
  if (metadata.format !== FORMAT) throw new FormatError(`the file is not of the format ${FORMAT}`)
  const tensors: [string, StoredTensor][] = []
  for (const [name, tensor] of Object.entries(stored)) {
    if (name.endsWith(VALUES) && stored[name.slice(0, -VALUES.length) + BITMAP] !== undefined) continue
    if (!name.endsWith(BITMAP)) {
      tensors.push([name, tensor])
      continue
    }
    const base = name.slice(0, -BITMAP.length)
    const values = stored[base + VALUES]
    const shape = parseShape(base, metadata[SHAPE + base])
    if (values === undefined) throw new FormatError(`tensor ${base} has a bitmap and no values`)
    tensors.push([base, unpack(base, shape, tensor, values)])
  }
  return Object.fromEntries(tensors)
}

function pack(tensor: StoredTensor): { bitmap: StoredTensor; values: StoredTensor } {
  const bitmap = new Uint8Array(Math.ceil(tensor.values.length / 8))
  let count = 0
  for (let i = 0; i < tensor.values.length; i++) {
    if (tensor.values[i] === 0) continue
    bitmap[i >> 3] = (bitmap[i >> 3] ?? 0) | (1 << (i & 7))
    count++
  }
  const values = emptyLike(tensor, count)
  let next = 0
  for (const value of tensor.values) if (value !== 0) values[next++] = value
  return {
    bitmap: { type: 'uint8', shape: [bitmap.length], values: bitmap },
    values: { type: tensor.type, shape: [count], values },
  }
}

function unpack(name: string, shape: number[], bitmap: StoredTensor, packed: StoredTensor): StoredTensor {
  const size = shape.reduce((product, extent) => product * extent, 1)
  if (bitmap.type !== 'uint8' || bitmap.values.length !== Math.ceil(size / 8)) {
    throw new FormatError(`tensor ${name}: the bitmap does not fit the shape`)
  }
  const values = emptyLike(packed, size)
  let next = 0
  for (let i = 0; i < bitmap.values.length * 8; i++) {
    if ((((bitmap.values[i >> 3] ?? 0) >> (i & 7)) & 1) === 0) continue
    const value = packed.values[next++]
    if (i >= size || value === undefined) throw new FormatError(`tensor ${name}: the bitmap marks more than the values`)
    values[i] = value
  }
  if (next !== packed.values.length)
    throw new FormatError(`tensor ${name}: there are more values than the bitmap marks`)
  return { type: packed.type, shape, values }
}

function emptyLike(tensor: StoredTensor, length: number) {
  if (tensor.type === 'float32') return new Float32Array(length)
  return tensor.type === 'int32' ? new Int32Array(length) : new Uint8Array(length)
}

function parseShape(name: string, text: string | undefined): number[] {
  const shape: unknown = text !== undefined && SHAPE_LIST.test(text) ? JSON.parse(text) : null
  if (!Array.isArray(shape) || !shape.every((extent) => Number.isSafeInteger(extent))) {
    throw new FormatError(`tensor ${name} has no valid shape`)
  }
  return shape
}
