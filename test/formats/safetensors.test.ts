import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError } from '../../src/formats/format-error.js'
import { decodeSafetensors, encodeSafetensors, type StoredTensors } from '../../src/formats/safetensors.js'
import { storedTensors } from './stored-tensors.js'

const example: StoredTensors = {
  b: { type: 'uint8', shape: [3], values: Uint8Array.of(1, 2, 3) },
  a: { type: 'float32', shape: [1, 2], values: Float32Array.of(1.5, -0) },
}

/** A file with this header and `length` bytes of data. */
function fileOf(header: unknown, length: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const file = new Uint8Array(8 + json.length + length)
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true)
  file.set(json, 8)
  return file
}
const entry = (shape: number[], begin: number, end: number, dtype = 'F32') => ({
  dtype,
  shape,
  data_offsets: [begin, end],
})

describe('safetensors', () => {
  it('gives back what it was given, bit for bit', () =>
    fc.assert(
      fc.property(storedTensors(), fc.dictionary(fc.string(), fc.string()), (tensors, metadata) => {
        const decoded = decodeSafetensors(encodeSafetensors(tensors, metadata))
        expect({ ...decoded.tensors }).toEqual(tensors)
        expect(decoded.metadata).toEqual({ ...metadata })
      }),
    ))

  it('gives the same bytes for every order of the tensors', () =>
    fc.assert(
      fc.property(storedTensors(), (tensors) => {
        const reversed = Object.fromEntries(Object.entries(tensors).reverse())
        expect(encodeSafetensors(reversed)).toEqual(encodeSafetensors(tensors))
      }),
    ))

  it('reads a file that lies at any offset of a buffer', () =>
    fc.assert(
      fc.property(storedTensors(), fc.nat(9), (tensors, offset) => {
        const bytes = encodeSafetensors(tensors)
        const moved = new Uint8Array(bytes.length + offset)
        moved.set(bytes, offset)
        expect({ ...decodeSafetensors(moved.subarray(offset)).tensors }).toEqual(tensors)
      }),
    ))

  it('refuses whatever is not a file of the format, and nothing worse', () =>
    fc.assert(
      fc.property(storedTensors(), fc.nat(), fc.nat(255), (tensors, position, byte) => {
        const bytes = encodeSafetensors(tensors)
        bytes[position % bytes.length] = byte
        try {
          decodeSafetensors(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
      { numRuns: 500 },
    ))

  it('writes the layout of the reference implementation', () => {
    const file = encodeSafetensors(example, { format: 'np' })
    const headerBytes = Number(new DataView(file.buffer).getBigUint64(0, true))
    expect(headerBytes % 8).toBe(0)
    expect(new TextDecoder().decode(file.subarray(8, 8 + headerBytes)).trimEnd()).toBe(
      '{"__metadata__":{"format":"np"},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},' +
        '"b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}}',
    )
    // 1.5 = 0x3fc00000, −0 = 0x80000000, little-endian.
    expect([...file.subarray(8 + headerBytes)]).toEqual([0, 0, 0xc0, 0x3f, 0, 0, 0, 0x80, 1, 2, 3])
  })

  it('hands out views where alignment allows', () => {
    const file = encodeSafetensors(example)
    const { a } = decodeSafetensors(file).tensors
    expect(a?.values.buffer).toBe(file.buffer)
  })

  it('keeps a tensor named __proto__ as a tensor', () => {
    const tensors = Object.fromEntries([
      ['__proto__', { type: 'uint8', shape: [1], values: Uint8Array.of(7) } as const],
    ])
    expect(Object.keys(decodeSafetensors(encodeSafetensors(tensors)).tensors)).toEqual(['__proto__'])
  })

  it.each([
    ['an empty file', new Uint8Array(0)],
    ['a header longer than the file', Uint8Array.of(255, 0, 0, 0, 0, 0, 0, 0, 123)],
    ['a header of 2^63 bytes', Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 128)],
    ['a header that is no JSON', fileOf('{', 0)],
    ['a header that is a list', fileOf([], 0)],
    ['an entry that is no object', fileOf({ a: 1 }, 0)],
    ['metadata that is no text', fileOf({ __metadata__: { a: 1 } }, 0)],
    ['an unknown type', fileOf({ a: entry([1], 0, 8, 'F64') }, 8)],
    ['a negative extent', fileOf({ a: entry([-1], 0, 4) }, 4)],
    ['a fraction as extent', fileOf({ a: entry([0.5], 0, 2) }, 2)],
    ['extents whose product overflows', fileOf({ a: entry([2 ** 40, 2 ** 40], 0, 4) }, 4)],
    ['offsets that disagree with the shape', fileOf({ a: entry([2], 0, 4) }, 4)],
    ['offsets beyond the end', fileOf({ a: entry([2], 0, 8) }, 4)],
    ['a hole', fileOf({ a: entry([1], 0, 4), b: entry([1], 8, 12) }, 12)],
    ['an overlap', fileOf({ a: entry([2], 0, 8), b: entry([1], 4, 8) }, 8)],
    ['trailing bytes', fileOf({ a: entry([1], 0, 4) }, 5)],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodeSafetensors(bytes)).toThrow(FormatError)
  })

  it('refuses to write values that do not fit', () => {
    expect(() => encodeSafetensors({ a: { type: 'float32', shape: [3], values: Float32Array.of(1) } })).toThrow(
      FormatError,
    )
    expect(() => encodeSafetensors({ a: { type: 'int32', shape: [1], values: Float32Array.of(1) } })).toThrow(
      FormatError,
    )
    expect(() => encodeSafetensors({ __metadata__: { type: 'uint8', shape: [0], values: new Uint8Array() } })).toThrow(
      FormatError,
    )
  })
})
