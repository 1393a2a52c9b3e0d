import { FormatError } from './format-error.js'
import {
  decodeTyped,
  encodeTyped,
  type StoredTensor,
  type StoredTensors,
  type TypedTensor,
  toStored,
} from './safetensors.js'
import { bitmap } from './sparse/bitmap.js'
import { csr } from './sparse/csr.js'
import { type Bits, type Encoding, type Found, type Parts, type Plan, sizeOf } from './sparse/encoding.js'
import { nOfM } from './sparse/n-of-m.js'

const FORMAT = 'espalier-sparse-2'
/** Bitmaps only, with metadata `shape:w`; it is still read. */
const FORMAT_1 = 'espalier-sparse-1'
const ENCODING = 'encoding:'
const SHAPE = 'shape:'

/** In order of preference where they take as many bytes. */
const ENCODINGS = { bitmap, 'n-of-m': nOfM, csr } as const satisfies Record<string, Encoding>
type EncodingName = keyof typeof ENCODINGS
/** What an entry in the header takes, about: counted for every part of a tensor beyond the first. */
export const BYTES_PER_PART = 100
/** What a file may unpack to, in bytes. A few bytes can stand for any number of zeros. */
const MAX_UNPACKED_BYTES = 2 ** 31

const DTYPE = { float32: 'F32', int32: 'I32', uint8: 'U8' } as const

/**
 * Tensors with many zeros in few bytes, bit for bit. The file is itself a safetensors file, so any reader of that format opens it. A tensor `w` is
 * stored as it is, or as `w:values` and what says where they belong: of `bitmap`, `n-of-m` and `csr` whatever takes the fewest bytes. Metadata
 * `encoding:w` says which, and the shape. Metadata `format` is `espalier-sparse-2`.
 * @throws FormatError if a name contains `:`.
 */
export function encodeSparse(tensors: StoredTensors): Uint8Array {
  const stored: [string, TypedTensor][] = []
  const metadata: [string, string][] = [['format', FORMAT]]
  for (const [name, tensor] of Object.entries(tensors)) {
    if (name.includes(':')) throw new FormatError(`tensor ${name}: a name cannot contain ":"`)
    const { type, shape, values } = tensor
    const dtype = DTYPE[type]
    const best = smallest(tensor)
    if (!best) stored.push([name, { dtype, shape, values }])
    else {
      const { encoding, plan } = best
      for (const [suffix, part] of Object.entries(plan.write()))
        stored.push([`${name}:${suffix}`, typed(part, suffix === 'values' ? dtype : null)])
      metadata.push([ENCODING + name, JSON.stringify({ encoding, shape, ...plan.fields })])
    }
  }
  return encodeTyped(Object.fromEntries(stored), Object.fromEntries(metadata))
}

/**
 * Reads what `encodeSparse` wrote, and files of `espalier-sparse-1`.
 * @param maxBytes What the tensors may take together.
 * @throws FormatError if the bytes are not a file of this format, the parts of a tensor disagree, or it unpacks to more.
 */
export function decodeSparse(bytes: Uint8Array, maxBytes = MAX_UNPACKED_BYTES): StoredTensors {
  const { tensors: stored, metadata } = decodeTyped(bytes)
  const said = descriptionsOf(metadata)
  const parts = new Map<string, Record<string, TypedTensor>>()
  const tensors: [string, StoredTensor][] = []
  for (const [full, tensor] of Object.entries(stored)) {
    const [name = '', suffix, ...rest] = full.split(':')
    if (suffix === undefined) tensors.push([name, toStored(name, tensor)])
    else if (!said.has(name) || rest.length > 0) throw new FormatError(`${full} belongs to no tensor`)
    else parts.set(name, { ...parts.get(name), [suffix]: tensor })
  }
  let left = maxBytes - tensors.reduce((sum, [, { values }]) => sum + values.byteLength, 0)
  for (const [name, fields] of said) {
    if (Object.hasOwn(stored, name)) throw new FormatError(`tensor ${name} is stored twice`)
    const tensor = unpack(name, fields, parts.get(name) ?? {}, left)
    left -= tensor.values.byteLength
    tensors.push([name, tensor])
  }
  return Object.fromEntries(tensors)
}

function smallest({ shape, values }: StoredTensor): { encoding: EncodingName; plan: Plan } | null {
  const bits = bitsOf(values)
  let nonZeros = 0
  for (const value of bits) if (value !== 0) nonZeros++
  let best: { encoding: EncodingName; plan: Plan } | null = null
  let least = values.byteLength
  for (const encoding of Object.keys(ENCODINGS) as EncodingName[]) {
    const { indexes, plan: planFor } = ENCODINGS[encoding]
    const extra = indexes.length * BYTES_PER_PART
    const plan = planFor({ shape, bits, nonZeros }, least - extra)
    if (!plan || plan.bytes + extra >= least) continue
    best = { encoding, plan }
    least = plan.bytes + extra
  }
  return best
}

function unpack(
  name: string,
  { encoding, shape, ...fields }: Readonly<Record<string, unknown>>,
  parts: Readonly<Record<string, TypedTensor>>,
  maxBytes: number,
): StoredTensor {
  const how = Object.keys(ENCODINGS).find((key) => key === encoding) as EncodingName | undefined
  if (how === undefined) throw new FormatError(`tensor ${name}: the encoding ${JSON.stringify(encoding)} is not known`)
  if (!isShape(shape)) throw new FormatError(`tensor ${name} has no valid shape`)
  const { values: packed } = parts
  if (!packed) throw new FormatError(`tensor ${name} has no values`)
  const { type, values } = toStored(name, packed)
  const { indexes, read } = ENCODINGS[how]
  const foreign = Object.keys(parts).find((suffix) => suffix !== 'values' && !indexes.includes(suffix))
  if (foreign !== undefined) throw new FormatError(`${name}:${foreign} belongs to no tensor`)
  const size = sizeOf(shape)
  if (!(size * values.BYTES_PER_ELEMENT <= maxBytes))
    throw new FormatError(`tensor ${name}: the shape [${shape.join(', ')}] is too large; ${maxBytes} bytes are left`)
  const found: Found = { name, shape, fields, parts, values: bitsOf(values) }
  const bits = found.values instanceof Uint32Array ? new Uint32Array(size) : new Uint8Array(size)
  read(found, bits)
  return { type, shape, values: valuesOf(bits, type) }
}

/** By the name of the tensor, what the metadata says about it. */
function descriptionsOf(metadata: Readonly<Record<string, string>>): Map<string, Readonly<Record<string, unknown>>> {
  const { format } = metadata
  if (format !== FORMAT && format !== FORMAT_1)
    throw new FormatError(`the file is not of the format ${FORMAT} or ${FORMAT_1}, but of ${JSON.stringify(format)}`)
  const prefix = format === FORMAT ? ENCODING : SHAPE
  return new Map(
    Object.entries(metadata)
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, text]) => {
        const name = key.slice(prefix.length)
        const value = parseJson(name, text)
        return [name, format === FORMAT ? asRecord(name, value) : { encoding: 'bitmap', shape: value }]
      }),
  )
}

function parseJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new FormatError(`tensor ${name}: what the metadata say about it is not JSON`, { cause })
  }
}

function asRecord(name: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw new FormatError(`tensor ${name}: what the metadata say about it is not an object`)
}

function isShape(shape: unknown): shape is readonly number[] {
  return Array.isArray(shape) && shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0)
}

function typed(part: Parts[string], dtype: TypedTensor['dtype'] | null): TypedTensor {
  const own = part instanceof Uint8Array ? 'U8' : part instanceof Uint16Array ? 'U16' : 'U32'
  return { dtype: dtype ?? own, shape: [part.length], values: part }
}

function bitsOf(values: StoredTensor['values']): Bits {
  return values instanceof Uint8Array ? values : new Uint32Array(values.buffer, values.byteOffset, values.length)
}

function valuesOf(bits: Bits, type: StoredTensor['type']): StoredTensor['values'] {
  if (bits instanceof Uint8Array) return bits
  return type === 'float32' ? new Float32Array(bits.buffer) : new Int32Array(bits.buffer)
}
