import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError } from '../../src/formats/format-error.js'
import {
  decodeSafetensors,
  encodeSafetensors,
  type StoredTensor,
  type StoredTensors,
} from '../../src/formats/safetensors.js'
import { decodeSparse, encodeSparse } from '../../src/formats/sparse.js'
import { storedTensors } from './stored-tensors.js'

/** Sets about `share` of the elements to 0, and −0 to 0, which the format does not keep apart. */
function thin(tensors: StoredTensors, share: number): StoredTensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => {
      const values = tensor.values.slice()
      values.forEach((value, i) => {
        if (value === 0 || (i * 7919) % 100 < share * 100) values[i] = 0
      })
      return [name, { ...tensor, values }]
    }),
  )
}

const weights = (size: number, kept: number): StoredTensor => ({
  type: 'float32',
  shape: [size],
  values: Float32Array.from({ length: size }, (_, i) => (i < kept ? i + 1 : 0)),
})

describe('sparse', () => {
  it('gives back what it was given', () =>
    fc.assert(
      fc.property(storedTensors(), fc.double({ min: 0, max: 1, noNaN: true }), (tensors, share) => {
        const thinned = thin(tensors, share)
        expect({ ...decodeSparse(encodeSparse(thinned)) }).toEqual(thinned)
      }),
    ))

  it('never takes more bytes of values than the dense form', () =>
    fc.assert(
      fc.property(storedTensors(), (tensors) => {
        const bytes = (list: StoredTensors) =>
          Object.values(list).reduce((sum, { values }) => sum + values.byteLength, 0)
        expect(bytes(decodeSafetensors(encodeSparse(tensors)).tensors)).toBeLessThanOrEqual(bytes(tensors))
      }),
    ))

  it('stores 10 of 100 floats in 13 + 40 bytes, readable as plain safetensors', () => {
    const { tensors, metadata } = decodeSafetensors(encodeSparse({ w: weights(100, 10) }))
    expect(tensors['w:bitmap']?.values).toEqual(Uint8Array.of(255, 3, ...new Array<number>(11).fill(0)))
    expect(tensors['w:values']?.values).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10))
    expect(metadata).toEqual({ format: 'espalier-sparse-2', 'encoding:w': '{"encoding":"bitmap","shape":[100]}' })
  })

  it('knows tensors by names that JavaScript has members of', () => {
    const zeros = {
      constructor: { type: 'float32', shape: [1000], values: new Float32Array(1000).fill(1, 0, 3) },
    } as const
    expect(decodeSparse(encodeSparse(zeros))).toEqual(zeros)
  })

  it('leaves a tensor without zeros as it is', () => {
    const { tensors } = decodeSafetensors(encodeSparse({ w: weights(10, 10) }))
    expect(Object.keys(tensors)).toEqual(['w'])
  })

  const bitmap = (values: number[]): StoredTensor => ({
    type: 'uint8',
    shape: [values.length],
    values: Uint8Array.from(values),
  })
  it.each([
    ['another format', {}, { format: 'other' }],
    ['a bitmap without values', { 'w:bitmap': bitmap([1]) }, { 'shape:w': '[8]' }],
    ['a missing shape', { 'w:bitmap': bitmap([1]), 'w:values': weights(1, 1) }, {}],
    ['a shape that is no list', { 'w:bitmap': bitmap([1]), 'w:values': weights(1, 1) }, { 'shape:w': '{}' }],
    ...['[1,,2]', '[,8]', '[8,]', '[08]'].map((shape): [string, StoredTensors, Record<string, string>] => [
      `the shape ${shape}`,
      { 'w:bitmap': bitmap([1]), 'w:values': weights(1, 1) },
      { 'shape:w': shape },
    ]),
    ['a bitmap of another size', { 'w:bitmap': bitmap([1, 0]), 'w:values': weights(1, 1) }, { 'shape:w': '[8]' }],
    ['too few values', { 'w:bitmap': bitmap([3]), 'w:values': weights(1, 1) }, { 'shape:w': '[8]' }],
    ['too many values', { 'w:bitmap': bitmap([1]), 'w:values': weights(2, 2) }, { 'shape:w': '[8]' }],
    ['a bit beyond the end', { 'w:bitmap': bitmap([128]), 'w:values': weights(1, 1) }, { 'shape:w': '[7]' }],
  ])('refuses %s', (_, tensors: StoredTensors, metadata: Record<string, string>) => {
    const bytes = encodeSafetensors(tensors, { format: 'espalier-sparse-1', ...metadata })
    expect(() => decodeSparse(bytes)).toThrow(FormatError)
  })

  it('reads a file of version 1', () => {
    // Bits 0 and 2, the lowest first.
    const tensors = { 'w:bitmap': bitmap([5]), 'w:values': weights(2, 2), b: weights(3, 3) }
    const bytes = encodeSafetensors(tensors, { format: 'espalier-sparse-1', 'shape:w': '[2,2]' })
    const w = { type: 'float32', shape: [2, 2], values: Float32Array.of(1, 0, 2, 0) }
    expect(decodeSparse(bytes)).toEqual({ w, b: weights(3, 3) })
  })

  it('refuses a name that it uses itself', () => {
    expect(() => encodeSparse({ 'w:values': weights(1, 1) })).toThrow(FormatError)
  })
})
