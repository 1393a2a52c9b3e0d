import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { selectMask } from '../../../src/ml/pruning/selection.js'

/** Scores with many ties, zeros of both signs and infinities. */
const scores = () =>
  fc
    .array(fc.oneof(fc.float({ noNaN: true }), fc.constantFrom(0, -0, 1, -1, 0.5)), { minLength: 1, maxLength: 60 })
    .map((values) => Float32Array.from(values))
const request = () =>
  scores().chain((values) => fc.record({ values: fc.constant(values), removed: fc.nat(values.length) }))

/** The rule, written as a sort: lowest score first; of equal ones the higher index first. */
function bySorting(values: Float32Array, removed: number): number[] {
  const order = [...values.keys()].sort((a, b) => {
    const [x = 0, y = 0] = [values[a], values[b]]
    return x === y ? b - a : x - y
  })
  const mask = new Array<number>(values.length).fill(1)
  for (const index of order.slice(0, removed)) mask[index] = 0
  return mask
}

describe('selectMask', () => {
  it('removes what a sort by score would', () =>
    fc.assert(
      fc.property(request(), ({ values, removed }) => {
        expect([...selectMask(values, removed)]).toEqual(bySorting(values, removed))
      }),
    ))

  it('only ever adds to what was removed, with an exact count', () =>
    fc.assert(
      fc.property(request(), scores(), fc.nat(), ({ values, removed }, other, more) => {
        const later = Float32Array.from(values, (_, i) => other[i % other.length] ?? 0) // weights change in between
        const first = selectMask(values, removed)
        const count = Math.min(values.length, removed + (more % 7))
        const second = selectMask(later, count, first)
        expect(second.every((bit, i) => bit <= (first[i] ?? 0))).toBe(true)
        expect(second.filter((bit) => bit === 0).length).toBe(count)
      }),
    ))

  it('keeps the lower index of equal scores', () => {
    expect([...selectMask(Float32Array.of(1, 1, 1, 1), 2)]).toEqual([1, 1, 0, 0])
    expect([...selectMask(Float32Array.of(0, -0, 0), 1)]).toEqual([1, 1, 0])
  })

  it('does not give back weights when fewer are asked for', () => {
    expect([...selectMask(Float32Array.of(9, 8, 7), 1, Uint8Array.of(0, 0, 1))]).toEqual([0, 0, 1])
  })

  it('refuses NaN, impossible counts and masks of another length', () => {
    expect(() => selectMask(Float32Array.of(1, Number.NaN), 1)).toThrow(/score 1 is NaN/)
    expect(() => selectMask(Float32Array.of(1), 2)).toThrow(RangeError)
    expect(() => selectMask(Float32Array.of(1), 0.5)).toThrow(RangeError)
    expect(() => selectMask(Float32Array.of(1, 2), 1, Uint8Array.of(1))).toThrow(RangeError)
  })

  it('takes milliseconds for a network of 266,200 weights', () => {
    const values = Float32Array.from({ length: 266_200 }, (_, i) => Math.abs(Math.sin(i)))
    const started = performance.now()
    const mask = selectMask(values, 239_580)
    expect(performance.now() - started).toBeLessThan(200) // about 3 ms; a slow machine is not a failure
    expect(mask.reduce((sum, bit) => sum + bit, 0)).toBe(266_200 - 239_580)
  })
})
