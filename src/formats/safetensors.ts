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
const BYTES_PER_ELEMENT = { float32: 4, int32: 4, uint8: 1 } as const satisfies Record<TensorType, number>
const LENGTH_BYTES = 8
/** The limit of the reference implementation; a larger header is an attack or a mistake. */
const MAX_HEADER_BYTES = 100_000_000

/** A tensor of any type that can be written; `values` are the bits, row-major. */
export interface TypedTensor {
  readonly dtype: keyof typeof WIDTH
  readonly shape: readonly number[]
  readonly values: TensorValues | Uint16Array | Int8Array
}

/** Bytes of an element. */
const WIDTH = { F32: 4, I32: 4, F16: 2, I8: 1, U8: 1 } as const

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

/** The same for tensors of further types, which are only written. */
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
  const { header, dataStart } = readHeader(bytes)
  const metadata: Record<string, string> = {}
  const entries: { name: string; type: TensorType; shape: number[]; begin: number; end: number }[] = []
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
  const tensors: Record<string, StoredTensor> = {}
  let expected = 0
  for (const { name, type, shape, begin, end } of entries) {
    if (begin !== expected) throw new FormatError(`tensor ${name} does not start where the one before it ends`)
    expected = end
    if (dataStart + end > bytes.length) throw new FormatError(`tensor ${name} lies beyond the end of the file`)
    define(tensors, name, { type, shape, values: view(bytes, dataStart + begin, dataStart + end, type) })
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
  const type = (Object.keys(DTYPE) as TensorType[]).find((key) => DTYPE[key] === value.dtype) // keys of a const record
  if (type === undefined) throw new FormatError(`tensor ${name}: element type ${String(value.dtype)} is not supported`)
  const { shape, data_offsets: offsets } = value
  if (!isSizes(shape)) throw new FormatError(`tensor ${name}: the shape is not a list of sizes`)
  if (!isSizes(offsets)) throw new FormatError(`tensor ${name}: data_offsets is not a pair of positions`)
  const [begin, end] = offsets
  if (offsets.length !== 2 || begin === undefined || end === undefined) {
    throw new FormatError(`tensor ${name}: data_offsets is not a pair of positions`)
  }
  if (end - begin !== elementCount(name, shape) * BYTES_PER_ELEMENT[type]) {
    throw new FormatError(`tensor ${name}: ${end - begin} bytes do not fit the shape [${shape.join(', ')}]`)
  }
  return { type, shape, begin, end }
}

function elementCount(name: string, shape: readonly number[]): number {
  const count = shape.reduce((product, extent) => product * extent, 1)
  if (!Number.isSafeInteger(count * 4)) throw new FormatError(`tensor ${name}: the shape is too large`)
  return count
}

function view(bytes: Uint8Array, begin: number, end: number, type: TensorType): TensorValues {
  if (type === 'uint8') return bytes.subarray(begin, end)
  const aligned =
    (bytes.byteOffset + begin) % 4 === 0 ? bytes.subarray(begin, end) : Uint8Array.from(bytes.subarray(begin, end))
  const { buffer, byteOffset } = aligned
  const length = (end - begin) / 4
  return type === 'float32' ? new Float32Array(buffer, byteOffset, length) : new Int32Array(buffer, byteOffset, length)
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
