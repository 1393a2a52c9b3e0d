import { describe, expect, it } from 'vitest'
import type { DatasetTarget } from '../../src/contracts/dataset.js'
import { certify } from '../../src/ml/certificate.js'
import { buildModel } from '../../src/ml/models/model.js'
import { changedPredictions } from '../../src/ml/predict.js'
import { modelOf, stateOf, stored } from './pruning/compaction/networks.js'

const pins = { tensorflow: '2.21.0', device: 'cpu', intraOpThreads: 2, oneDnn: true, xla: false, seed: 0 } as const
const classes: DatasetTarget = { kind: 'classes', names: ['x', 'y'] }

describe('a certificate', () => {
  const last = modelOf([2], { type: 'dense', units: 2, activation: 'softmax', name: 'output' })
  const model = buildModel(last, 'sparse-categorical-crossentropy')
  // Gives its inputs as logits, the second greater by `bias`.
  const network = (bias: number) => ({
    model,
    weights: stateOf(last, { 'output/kernel': [1, 0, 0, 1], 'output/bias': [0, bias] }),
  })
  // Of the last row the first logit is greater by 2⁻¹¹; the largest of all outputs is 2.
  const examples = {
    'data/features': stored([3, 2], [0, 2, 1, 0, 0.5, 0.5 - 2 ** -11]),
    'data/labels': { type: 'int32' as const, shape: [3], values: Int32Array.of(1, 0, 0) },
  }
  const compared = (bias: number) =>
    certify(network(0), network(bias), { examples, split: 'test', target: classes }, { step: 7, pins })

  it('tells by how much the outputs differ, and which predictions, of a last bias that is off by 2⁻¹⁰', () => {
    // 2⁻¹⁰ of 2; all of these numbers are exact in float32.
    expect(compared(2 ** -10)).toMatchObject({
      ...{ step: 7, split: 'test', rows: 3, pins },
      ...{ largestDifference: 2 ** -11, changedPredictions: 1, tolerance: 1e-5, holds: false },
    })
  })

  it('holds up to a difference of 10⁻⁵ of the largest output', () => {
    const [same, less, more] = [0, 2 ** -16, 2 ** -15].map(compared)
    expect(same).toMatchObject({ largestDifference: 0, changedPredictions: 0, holds: true })
    expect(less).toMatchObject({ largestDifference: 2 ** -17, changedPredictions: 0, holds: true }) // 0.76 · 10⁻⁵
    expect(more).toMatchObject({ largestDifference: 2 ** -16, changedPredictions: 0, holds: false }) // 1.5 · 10⁻⁵
    expect(same?.compactSha256).toBe(same?.maskedSha256)
    expect(more?.compactSha256).not.toBe(more?.maskedSha256)
  })
})

describe('changed predictions', () => {
  const changed = (target: DatasetTarget, rows: number, one: number[], other: number[]) =>
    changedPredictions({ rows, values: Float32Array.from(one) }, { rows, values: Float32Array.from(other) }, target)

  it('are those with another largest logit, the first of equal ones', () => {
    expect(changed(classes, 3, [1, 0, 0, 1, 3, 2], [9, 8, 1, 0, 2, 3])).toBe(2)
    expect(changed(classes, 2, [1, 1, 1, 0], [1, 0, 0, 1])).toBe(1)
  })

  it('of one output are those on the other side of 0', () => {
    expect(changed(classes, 4, [1, -1, 2, 0], [2, 1, -2, -3])).toBe(2)
  })

  it('of labels are the examples, not the labels, with another sign', () => {
    const labels: DatasetTarget = { kind: 'labels', names: ['a', 'b', 'c'] }
    // The second has another largest logit, but the same labels; the others keep their largest, and one and two labels change.
    expect(changed(labels, 3, [1, -1, 2, 3, 2, 1, 1, 1, 1], [1, 1, 2, 1, 2, 3, 1, -1, -1])).toBe(2)
  })

  it('of tokens are the examples with another token at some position', () => {
    const tokens: DatasetTarget = { kind: 'tokens', vocabulary: ['a', 'b', 'c'], length: 2 }
    // Two positions of three logits each: the second example differs at its second, the first only in the sizes.
    const one = [3, 2, 1, 0, 1, 0, 5, 0, 0, 0, 0, 5]
    const other = [30, 2, 1, 9, 10, 0, 5, 0, 0, 0, 5, 0]
    expect(changed(tokens, 2, one, other)).toBe(1)
  })

  it('are none of numbers', () => {
    expect(changed({ kind: 'number', size: 1 }, 2, [1, -1], [-1, 1])).toBe(0)
  })
})
