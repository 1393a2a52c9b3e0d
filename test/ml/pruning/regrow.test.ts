import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { exchange, exchangeShare } from '../../../src/ml/pruning/regrow.js'

const sum = (mask: Uint8Array) => mask.reduce((total, bit) => total + bit, 0)

describe('exchange', () => {
  it('drops the lowest of the kept and grows the highest of what is then removed', () => {
    const previous = Uint8Array.of(1, 1, 1, 0, 0, 0)
    const scores = Float32Array.of(5, 1, 3, 0, 0, 0)
    const { mask, grown } = exchange(previous, { scores, growth: Float32Array.of(9, 0, 9, 1, 3, 2) }, 1)
    expect(mask).toEqual(Uint8Array.of(1, 0, 1, 0, 1, 0))
    expect(grown).toEqual(Uint8Array.of(0, 0, 0, 0, 1, 0))
  })

  it('may bring back at once what it dropped', () => {
    const previous = Uint8Array.of(1, 1, 0)
    const growth = Float32Array.of(0, 9, 1)
    const { mask, grown } = exchange(previous, { scores: Float32Array.of(2, 1, 0), growth }, 1)
    expect(mask).toEqual(previous)
    expect(grown).toEqual(Uint8Array.of(0, 1, 0))
  })

  it('keeps as many as before', () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.float({ noNaN: true }), fc.float({ noNaN: true })), { minLength: 1 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (elements, share) => {
          const previous = Uint8Array.from(elements, ([bit]) => (bit ? 1 : 0))
          const scores = Float32Array.from(elements, ([, score]) => Math.abs(score))
          const growth = Float32Array.from(elements, ([, , score]) => Math.abs(score))
          const kept = sum(previous)
          const count = Math.min(Math.round(share * kept), previous.length - kept)
          const { mask, grown } = exchange(previous, { scores, growth }, count)
          expect(sum(mask)).toBe(kept)
          expect(sum(grown)).toBe(count)
        },
      ),
    ))
})

describe('the share that is exchanged', () => {
  const span = { begin: 100, end: 300 }
  it('falls by a cosine, or stays', () => {
    const at = (step: number, decay: 'cosine' | 'constant') =>
      exchangeShare({ fraction: 0.3, decay }, { step, ...span })
    expect(at(100, 'cosine')).toBeCloseTo(0.3, 12)
    expect(at(200, 'cosine')).toBeCloseTo(0.15, 12)
    expect(at(300, 'cosine')).toBeCloseTo(0, 12)
    expect(at(300, 'constant')).toBe(0.3)
  })
})
