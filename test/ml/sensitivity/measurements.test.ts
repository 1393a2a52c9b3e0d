import { describe, expect, it } from 'vitest'
import {
  dropOf,
  isTolerated,
  judgedBy,
  type Measurement,
  nextSparsities,
  toleratedOf,
} from '../../../src/ml/sensitivity/measurements.js'
import { filledScan } from '../../../src/planning/scan.js'

const scanOf = (sparsities: number[]) => ({ ...filledScan(undefined), sparsities })
const accuracy = (value: number): Measurement => ({ removed: 0, means: { loss: 1, accuracy: value } })
const loss = (value: number): Measurement => ({ removed: 0, means: { loss: value } })
const infinite: Measurement = { removed: 0, means: null }

describe('a drop', () => {
  it('is accuracy that is lost, and below 0 where it is won', () => {
    expect(judgedBy(accuracy(0.9))).toBe('accuracy')
    expect(dropOf(accuracy(0.75), accuracy(0.5))).toBe(0.25)
    expect(dropOf(accuracy(0.5), accuracy(0.75))).toBe(-0.25)
  })

  it('is without accuracy the rise of the loss as a share of it, also of a loss below 0', () => {
    expect(judgedBy(loss(2))).toBe('loss')
    expect(dropOf(loss(2), loss(3))).toBe(0.5)
    expect(dropOf(loss(-2), loss(-1))).toBe(0.5)
  })

  it('of a loss that is not finite is none, and never tolerated', () => {
    expect(dropOf(accuracy(0.9), infinite)).toBeNull()
    expect(isTolerated(null, { dropWithin: 1 })).toBe(false)
  })

  it('is tolerated up to dropWithin, whatever rounding makes of it', () => {
    // 0.95 − 0.94 is 0.010000000000000009 in float64.
    expect(isTolerated(dropOf(accuracy(0.95), accuracy(0.94)), { dropWithin: 0.01 })).toBe(true)
    expect(isTolerated(dropOf(accuracy(0.95), accuracy(0.9399)), { dropWithin: 0.01 })).toBe(false)
  })
})

describe('what is tolerated', () => {
  const scan = scanOf([0.2, 0.5, 0.8])
  it.each([
    [[0, 0.005, 0.01], 0.8],
    [[0, 0.005, 0.02], 0.5],
    // What comes back at a higher sparsity is chance.
    [[0, 0.02, 0], 0.2],
    [[0.02, 0, 0], 0],
    [[0, null, 0], 0.2],
  ])('of drops %j is %d', (drops, tolerated) => {
    expect(toleratedOf(drops, scan)).toBe(tolerated)
  })
})

describe('the order of a scan', () => {
  it('is: dense, layer by layer, all together, and all at what they tolerate by themselves', () => {
    const scan = scanOf([0.2, 0.8])
    // Of two layers the first tolerates 0.2 and the second 0.8.
    const measured = [0.9, 0.9, 0.5, 0.9, 0.9, 0.4, 0.3].map(accuracy)
    const order = measured.map((_, index) => nextSparsities(scan, 2, measured.slice(0, index)))
    const layers = [
      [0.2, 0],
      [0.8, 0],
      [0, 0.2],
      [0, 0.8],
    ]
    expect(order).toEqual([[0, 0], ...layers, [0.2, 0.2], [0.8, 0.8]])
    expect(nextSparsities(scan, 2, measured)).toEqual([0.2, 0.8])
  })
})
