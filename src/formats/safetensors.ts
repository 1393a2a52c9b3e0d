import { FormatError } from './format-error.js'

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

const DTYPE = { float32: 'F32', int32: 'I32', uint8: 'U8' } as const satisfies Record<TensorType, string>
const LENGTH_BYTES = 8
/** The limit of the reference implementation; a larger header is an attack or a mistake. */
const MAX_HEADER_BYTES = 100_000_000

/** A tensor of any type that a file can have here; `values` are the bits, row-major. */
export interface TypedTensor {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly values: TensorValues | Uint32Array | Uint16Array | Int8Array
}
type Dtype = keyof typeof WIDTH

/** Bytes of an element. */
const WIDTH = { F32: 4, I32: 4, U32: 4, F16: 2, U16: 2, I8: 1, U8: 1 } as const
const ARRAYS = {
  ...{ F32: Float32Array, I32: Int32Array, U32: Uint32Array },
  ...{ F16: Uint16Array, U16: Uint16Array, I8: Int8Array, U8: Uint8Array },
} as const

/**
 * The safetensors format of Hugging Face: 8 bytes header length, JSON header, values. The same tensors give the same bytes whatever
 * the order of the record: wide types come first (so that every value is aligned), and names are in code unit order.
 * @throws FormatError if values and shape of a tensor disagree.
 */
export function encodeSafetensors(tensors: StoredTensors, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const typed = Object.entries(tensors).map(([name, { type, shape, values }]) => {
    if (typeOf(values) !== type)
      throw new FormatError(`tensor ${name}: values do not fit ${type} [${shape.join(', ')}]`)
    return [name, { dtype: DTYPE[type], shape, values }] as const
  })
  return encodeTyped(Object.fromEntries(typed), metadata)
}

/** The same for tensors of further types, such as indexes. */
export function encodeTyped(
  tensors: Readonly<Record<string, TypedTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const entries = Object.entries(tensors).sort(byWidthThenName)
  const header: [string, unknown][] = []
  if (Object.keys(metadata).length > 0) {
    header.push(['__metadata__', Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => compare(a, b)))])
  }
  let offset = 0
  for (const [name, { dtype, shape, values }] of entries) {
    if (name === '__metadata__') throw new FormatError('a tensor cannot be named __metadata__')
    const bytes = elementCount(name, shape) * WIDTH[dtype]
    if (bytes !== values.byteLength)
      throw new FormatError(`tensor ${name}: values do not fit ${dtype} [${shape.join(', ')}]`)
    header.push([name, { dtype, shape: [...shape], data_offsets: [offset, offset + bytes] }])
    offset += bytes
  }

  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)))
  const headerBytes = Math.ceil(json.length / 8) * 8
  const file = new Uint8Array(LENGTH_BYTES + headerBytes + offset)
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true)
  file.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerBytes)
  file.set(json, LENGTH_BYTES)
  let at = LENGTH_BYTES + headerBytes
  for (const [, { values }] of entries) {
    file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at)
    at += values.byteLength
  }
  return file
}

/**
 * Reads a safetensors file. Values are views into `bytes` where alignment allows, copies elsewhere.
 * @throws FormatError for anything that is not exactly a file of this format: a header that does not fit or is not JSON, unknown
 * element types, sizes that disagree with shapes, overlaps, holes, missing or trailing bytes.
 */
export function decodeSafetensors(bytes: Uint8Array): { tensors: StoredTensors; metadata: Record<string, string> } {
  const { tensors: typed, metadata } = decodeTyped(bytes)
  const tensors: Record<string, StoredTensor> = {}
  for (const [name, tensor] of Object.entries(typed)) define(tensors, name, toStored(name, tensor))
  return { tensors, metadata }
}

/** The same, with tensors of the further types. */
export function decodeTyped(bytes: Uint8Array): {
  tensors: Readonly<Record<string, TypedTensor>>
  metadata: Record<string, string>
} {
  const { header, dataStart } = readHeader(bytes)
  const metadata: Record<string, string> = {}
  const entries: { name: string; dtype: Dtype; shape: number[]; begin: number; end: number }[] = []
  for (const [name, value] of Object.entries(header)) {
    if (!isRecord(value)) throw new FormatError(`header entry ${name} is not an object`)
    if (name === '__metadata__') {
      for (const [key, text] of Object.entries(value)) {
        if (typeof text !== 'string') throw new FormatError(`metadata ${key} is not a string`)
        define(metadata, key, text)
      }
    } else entries.push({ name, ...readEntry(name, value) })
  }

  entries.sort((a, b) => a.begin - b.begin || a.end - b.end)
  const tensors: Record<string, TypedTensor> = {}
  let expected = 0
  for (const { name, dtype, shape, begin, end } of entries) {
    if (begin !== expected) throw new FormatError(`tensor ${name} does not start where the one before it ends`)
    expected = end
    if (dataStart + end > bytes.length) throw new FormatError(`tensor ${name} lies beyond the end of the file`)
    define(tensors, name, { dtype, shape, values: view(bytes, dataStart + begin, dataStart + end, dtype) })
  }
  if (dataStart + expected !== bytes.length) throw new FormatError('the file has bytes that belong to no tensor')
  return { tensors, metadata }
}

function readHeader(bytes: Uint8Array): { header: Record<string, unknown>; dataStart: number } {
  if (bytes.length < LENGTH_BYTES) throw new FormatError('the file is shorter than 8 bytes')
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true)
  if (length > MAX_HEADER_BYTES || Number(length) > bytes.length - LENGTH_BYTES) {
    throw new FormatError(`a header of ${length} bytes does not fit in the file`)
  }
  const dataStart = LENGTH_BYTES + Number(length)
  let header: unknown
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(LENGTH_BYTES, dataStart)))
  } catch (cause) {
    throw new FormatError('the header is not JSON', { cause })
  }
  if (!isRecord(header)) throw new FormatError('the header is not a JSON object')
  return { header, dataStart }
}

function readEntry(name: string, value: Record<string, unknown>) {
  const dtype = (Object.keys(WIDTH) as Dtype[]).find((key) => key === value.dtype) // keys of a const record
  if (dtype === undefined) throw unsupported(name, value.dtype)
  const { shape, data_offsets: offsets } = value
  if (!isSizes(shape)) throw new FormatError(`tensor ${name}: the shape is not a list of sizes`)
  if (!isSizes(offsets)) throw new FormatError(`tensor ${name}: data_offsets is not a pair of positions`)
  const [begin, end] = offsets
  if (offsets.length !== 2 || begin === undefined || end === undefined) {
    throw new FormatError(`tensor ${name}: data_offsets is not a pair of positions`)
  }
  if (end - begin !== elementCount(name, shape) * WIDTH[dtype]) {
    throw new FormatError(`tensor ${name}: ${end - begin} bytes do not fit the shape [${shape.join(', ')}]`)
  }
  return { dtype, shape, begin, end }
}

/** @throws FormatError if the element type is not one of `TensorType`. */
export function toStored(name: string, { dtype, shape, values }: TypedTensor): StoredTensor {
  const type = (Object.keys(DTYPE) as TensorType[]).find((key) => DTYPE[key] === dtype) // keys of a const record
  if (type === undefined) throw unsupported(name, dtype)
  return { type, shape, values: values as TensorValues } // `view` made them of this type
}

function unsupported(name: string, dtype: unknown): FormatError {
  return new FormatError(
    `tensor ${name}: element type ${typeof dtype === 'string' ? dtype : 'of no name'} is not supported; save it as float32`,
  )
}

function elementCount(name: string, shape: readonly number[]): number {
  const count = shape.reduce((product, extent) => product * extent, 1)
  if (!Number.isSafeInteger(count * 4)) throw new FormatError(`tensor ${name}: the shape is too large`)
  return count
}

function view(bytes: Uint8Array, begin: number, end: number, dtype: Dtype): TypedTensor['values'] {
  const width = WIDTH[dtype]
  const aligned =
    (bytes.byteOffset + begin) % width === 0 ? bytes.subarray(begin, end) : Uint8Array.from(bytes.subarray(begin, end))
  return new ARRAYS[dtype](aligned.buffer as ArrayBuffer, aligned.byteOffset, (end - begin) / width) // of either kind of buffer
}

function typeOf(values: TensorValues): TensorType {
  if (values instanceof Float32Array) return 'float32'
  return values instanceof Int32Array ? 'int32' : 'uint8'
}

function byWidthThenName(a: readonly [string, TypedTensor], b: readonly [string, TypedTensor]): number {
  return WIDTH[b[1].dtype] - WIDTH[a[1].dtype] || compare(a[0], b[0])
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Sets an own property even when the name is `__proto__`. */
function define<T>(record: Record<string, T>, key: string, value: T): void {
  Object.defineProperty(record, key, { value, enumerable: true, configurable: true, writable: true })
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0)
}
