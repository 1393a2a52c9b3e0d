import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError } from '../../src/formats/format-error.js'
import { decodeTyped, encodeSafetensors, encodeTyped, type StoredTensor } from '../../src/formats/safetensors.js'
import { BYTES_PER_PART, decodeSparse, encodeSparse } from '../../src/formats/sparse.js'
import { pythonWith } from '../support/python.js'

const product = (shape: readonly number[]) => shape.reduce((size, extent) => size * extent, 1)
const float32 = (shape: number[], at: (index: number) => number): StoredTensor => ({
  ...{ type: 'float32', shape },
  values: Float32Array.from({ length: product(shape) }, (_, index) => at(index)),
})
/** −0 and NaN are values like others. */
const number = (index: number) => [1.5, -0, Number.NaN, -3e-40][index % 4] ?? 0

/** One at random of all, few in a row, or at most n of every m along an axis. */
const tensors = fc
  .record({
    shape: fc.array(fc.constantFrom(0, 1, 3, 8, 16, 24), { maxLength: 3 }),
    kept: fc.double({ min: 0, max: 1, noNaN: true }),
    every: fc.constantFrom(1, 2, 4, 8, 16),
    salt: fc.nat(1000),
  })
  .map(({ shape, kept, every, salt }) => {
    const step = shape.at(-1) ?? 1
    const draw = (index: number) => ((index * 7919 + salt * 104_729) % 1009) / 1009
    return float32(shape, (index) =>
      Math.floor(index / step) % every === salt % every && draw(index) < kept ? number(index) : 0,
    )
  })

/** By the formulas, over every axis and group size. */
function smallestPossible({ shape, values }: StoredTensor): number {
  const isZero = Array.from(values, (value) => Object.is(value, 0))
  const left = isZero.filter((zero) => !zero).length
  const width = (largest: number) => (largest < 256 ? 1 : largest < 65_536 ? 2 : 4)
  const columns = shape.at(-1) ?? 1
  const rows = product(shape.slice(0, -1))
  const sizes = [
    values.length * 4,
    Math.ceil(values.length / 8) + left * 4 + BYTES_PER_PART,
    left * (4 + width(columns - 1)) + (rows + 1) * width(left) + 2 * BYTES_PER_PART,
  ]
  shape.forEach((extent, axis) => {
    const step = product(shape.slice(axis + 1))
    for (const m of [2, 4, 8, 16, 32].filter((size) => values.length > 0 && extent % size === 0)) {
      const counts = new Map<number, number>()
      isZero.forEach((zero, index) => {
        const along = Math.floor(index / step) % extent
        const group = index - along * step + Math.floor(along / m) * m * step
        counts.set(group, (counts.get(group) ?? 0) + (zero ? 0 : 1))
      })
      const slots = (values.length / m) * Math.max(1, ...counts.values())
      sizes.push(slots * 4 + Math.ceil((slots * Math.log2(m)) / 8) + BYTES_PER_PART)
    }
  })
  return Math.min(...sizes)
}

const bits = ({ values }: StoredTensor) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
const large = {
  bitmap: float32([40, 30], (i) => (i % 3 === 0 ? number(i / 3) : 0)),
  csr: float32([5, 8, 300], (i) => (i % 97 === 0 ? number(i / 97) : 0)),
  'n-of-m': float32([3, 64, 5], (i) => (Math.floor(i / 5) % 4 === 1 ? number(i) : 0)),
}

describe('the encodings of sparse files', () => {
  it('give back every bit, in the fewest bytes of all that are possible', () =>
    fc.assert(
      fc.property(tensors, (tensor) => {
        const file = encodeSparse({ w: tensor })
        const { w } = decodeSparse(file)
        expect(w?.shape).toEqual(tensor.shape)
        expect(w && bits(w)).toEqual(bits(tensor))
        const parts = Object.values(decodeTyped(file).tensors)
        const bytes = parts.reduce((sum, { values }) => sum + values.byteLength, (parts.length - 1) * BYTES_PER_PART)
        expect(bytes).toBe(smallestPossible(tensor))
      }),
      { numRuns: 300 },
    ))

  it.each([
    ['255 values in all', { rows: 64, columns: 300, left: 255 }, 'U8', 'U16'],
    ['256 values in all', { rows: 64, columns: 300, left: 256 }, 'U16', 'U16'],
    ['256 values in the first of two rows', { rows: 2, columns: 4096, left: 256 }, 'U16', 'U16'],
    ['256 columns', { rows: 64, columns: 256, left: 200 }, 'U8', 'U8'],
    ['257 columns', { rows: 64, columns: 257, left: 200 }, 'U8', 'U16'],
    ['65,535 values in all', { rows: 5000, columns: 256, left: 65_535 }, 'U16', 'U8'],
    ['65,536 values in all', { rows: 5000, columns: 256, left: 65_536 }, 'U32', 'U8'],
    ['65,536 columns', { rows: 4, columns: 65_536, left: 200 }, 'U8', 'U16'],
    ['65,537 columns', { rows: 4, columns: 65_537, left: 200 }, 'U8', 'U32'],
  ] as const)('give csr indexes that hold the largest: %s', (_, { rows, columns, left }, pointers, places) => {
    // Of two rows all in the first; else spread over all of them. The last column always has a value.
    const stride = Math.floor((rows === 2 ? columns : rows * columns) / left)
    const w = float32([rows, columns], (i) => (i % stride === stride - 1 && i < stride * left ? i + 1 : 0))
    const file = encodeSparse({ w })
    const { tensors } = decodeTyped(file)
    expect([tensors['w:row-pointers']?.dtype, tensors['w:columns']?.dtype]).toEqual([pointers, places])
    expect(tensors['w:values']?.shape).toEqual([left])
    const read = decodeSparse(file).w
    expect(read?.shape).toEqual([rows, columns])
    expect(read && Buffer.compare(bits(read), bits(w))).toBe(0)
  })

  it.each(Object.entries(large))('take %s for the pattern that it is made for', (name, w) => {
    expect(JSON.parse(decodeTyped(encodeSparse({ w })).metadata['encoding:w'] ?? '{}').encoding).toBe(name)
  })

  it('are read by at most 30 lines of Python', ({ skip }) => {
    const [reader = ''] = (readFileSync('examples/read_sparse.py', 'utf8').split('"""')[2] ?? '').split('\nif len(')
    expect(reader.split('\n').filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(30)
    const python = pythonWith('numpy')
    if (python === null) return skip('no Python has numpy: pip install numpy')
    const folder = mkdtempSync(path.join(tmpdir(), 'espalier-sparse-'))
    const at = (file: string) => path.join(folder, file)
    writeFileSync(at('sparse'), encodeSparse(large))
    writeFileSync(at('dense'), encodeSafetensors(large))
    const answer = execFileSync(python, ['examples/read_sparse.py', at('sparse'), at('dense')], { encoding: 'utf8' })
    rmSync(folder, { recursive: true })
    expect(answer).toBe('3 tensors, 14,160 numbers, equal\n')
  })

  it('refuse whatever a file says that cannot be, and nothing worse', () =>
    fc.assert(
      fc.property(fc.nat(), fc.nat(255), fc.constantFrom(...Object.values(large)), (at, byte, w) => {
        const file = encodeSparse({ w })
        file[at % file.length] = byte
        try {
          decodeSparse(file)
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
      { numRuns: 500 },
    ))

  const u8 = (...values: number[]) => ({
    dtype: 'U8' as const,
    shape: [values.length],
    values: Uint8Array.from(values),
  })
  const rows = (pointers: number[], columns: number[], shape: unknown = [2, 3]) =>
    [
      { 'w:values': u8(7, 8), 'w:row-pointers': u8(...pointers), 'w:columns': u8(...columns) },
      { encoding: 'csr', shape },
    ] as const
  const groups = (positions: number[], how: object) =>
    [
      { 'w:values': u8(7, 8), 'w:positions': u8(...positions) },
      { encoding: 'n-of-m', shape: [4], axis: 0, n: 2, m: 4, ...how },
    ] as const
  it.each([
    ['a column out of range', rows([0, 1, 2], [0, 3])],
    ['a column twice', rows([0, 2, 2], [1, 1])],
    ['row pointers that go back', rows([0, 3, 2], [0, 1])],
    ['row pointers that begin late', rows([1, 1, 2], [0, 1])],
    ['too few row pointers', rows([0, 2], [0, 1])],
    ['too few columns', rows([0, 1, 2], [0])],
    ['a huge shape', rows([0, 2], [0, 1], [1, 2 ** 45])],
    ['a shape beyond all numbers', rows([0, 2], [0, 1], [2 ** 52, 2 ** 52, 0])],
    ['positions that go back', groups([0b0001], {})],
    ['a position twice', groups([0b0101], {})],
    ['too many positions', groups([0b0100, 0], {})],
    ['bits after the positions', groups([0b11_0100], {})],
    ['an axis that is not there', groups([0b0100], { axis: 1 })],
    ['groups that do not fit', groups([0b0100], { m: 8 })],
    ['groups of another size', groups([0b0100], { m: 3 })],
    ['more than a group has', groups([0b0100], { n: 4 })],
    ['an unknown encoding', [{ 'w:values': u8(1) }, { encoding: 'coo', shape: [1] }] as const],
  ])('refuse %s', (_, [parts, how]) => {
    const file = encodeTyped(parts, { format: 'espalier-sparse-2', 'encoding:w': JSON.stringify(how) })
    expect(() => decodeSparse(file)).toThrow(FormatError)
  })
  it('are read as they are meant', () => {
    for (const [[parts, how], values] of [
      [rows([0, 1, 2], [2, 0]), [0, 0, 7, 8, 0, 0]],
      [groups([0b1101], {}), [0, 7, 0, 8]],
    ] as const) {
      const file = encodeTyped(parts, { format: 'espalier-sparse-2', 'encoding:w': JSON.stringify(how) })
      expect([...(decodeSparse(file).w?.values ?? [])]).toEqual(values)
      expect(() => decodeSparse(file, 3)).toThrow(/too large; 3 bytes are left/)
    }
  })

  it('may take no more together than is allowed', () => {
    const [w, v] = [float32([64, 64], (i) => (i % 50 === 0 ? 1 : 0)), float32([32, 64], (i) => (i % 3 === 0 ? 1 : 0))]
    const [whole, rest] = [w.values.byteLength, v.values.byteLength]
    for (const tensor of [w, v]) expect(decodeSparse(encodeSparse({ tensor }), whole)).toEqual({ tensor })
    expect(decodeSparse(encodeSparse({ w, v }), whole + rest)).toEqual({ w, v })
    expect(() => decodeSparse(encodeSparse({ w, v }), whole + rest - 1)).toThrow(/too large; \d+ bytes are left/)
    // What is stored as it is counts too.
    const dense = float32([8], (i) => i + 1)
    expect(decodeSparse(encodeSparse({ dense, w }), whole + 32)).toEqual({ dense, w })
    expect(() => decodeSparse(encodeSparse({ dense, w }), whole + 31)).toThrow(`${whole - 1} bytes are left`)
  })
})
