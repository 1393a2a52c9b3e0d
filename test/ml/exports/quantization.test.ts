import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromHalf, quantized, toHalf } from '../../../src/ml/exports/quantization.js'

describe('half precision', () => {
  it('has the bits that numpy gives', () => {
    // numpy.float16(x).view(numpy.uint16)
    const known: [number, number][] = [
      [0, 0],
      [1, 0x3c00],
      [-2, 0xc000],
      [0.1, 0x2e66],
      [65504, 0x7bff],
      [2 ** -24, 1],
      [2 ** -25, 0], // a tie, to even
      [3 * 2 ** -25, 2], // another
      [2 ** -14, 0x0400],
      [1 + 2 ** -11, 0x3c00],
      [1 + 3 * 2 ** -11, 0x3c02],
      [2047.9, 0x6800],
    ]
    for (const [value, bits] of known) expect(toHalf(value), `${value}`).toBe(bits)
  })

  it('keeps every half as it is, and is off by at most half a unit elsewhere', () => {
    for (let bits = 0; bits < 0x7c00; bits++) expect(toHalf(fromHalf(bits))).toBe(bits)
    fc.assert(
      fc.property(fc.float({ min: -60000, max: 60000, noNaN: true }), (value) => {
        const unit = 2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(value) || 1))) - 10)
        expect(Math.abs(fromHalf(toHalf(value)) - value)).toBeLessThanOrEqual(unit / 2)
      }),
    )
  })
})

describe('whole numbers', () => {
  it('are off by at most half a step of their column, and keep zeros', () =>
    fc.assert(
      fc.property(fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: 12, maxLength: 12 }), (list) => {
        const values = Float32Array.from(list, (value, index) => (index % 5 === 0 ? 0 : value))
        const found = quantized({ w: { type: 'float32', shape: [4, 3], values } }, 'int8').values.w?.values ?? []
        for (let column = 0; column < 3; column++) {
          const own = [0, 1, 2, 3].map((row) => 3 * row + column)
          const step = Math.max(...own.map((index) => Math.abs(values[index] ?? 0))) / 127
          for (const index of own) {
            expect(Math.abs((found[index] ?? 0) - (values[index] ?? 0))).toBeLessThanOrEqual(step / 2 + 1e-6)
            if (values[index] === 0) expect(found[index]).toBe(0)
          }
        }
      }),
    ))

  it('take a quarter of the bytes, and leave vectors alone', () => {
    const weights = {
      'a/kernel': { type: 'float32', shape: [100, 50], values: new Float32Array(5000).fill(0.3) },
      'a/bias': { type: 'float32', shape: [50], values: Float32Array.from({ length: 50 }, (_, i) => i / 7) },
    } as const
    const { bytes, values } = quantized(weights, 'int8')
    expect(bytes.byteLength).toBeLessThan(5000 + 50 * 4 * 2 + 500)
    expect(values['a/bias']?.values).toEqual(weights['a/bias'].values)
    expect(quantized(weights, 'float16').bytes.byteLength).toBeLessThan(2 * 5050 + 500)
  })
})
