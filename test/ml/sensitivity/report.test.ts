import { describe, expect, it } from 'vitest'
import { elementPieces } from '../../../src/ml/pruning/granularity/elements.js'
import type { ScannedLayer } from '../../../src/ml/sensitivity/layers.js'
import type { Measurement } from '../../../src/ml/sensitivity/measurements.js'
import { makeSensitivityReport, type Scanned } from '../../../src/ml/sensitivity/report.js'
import { filledScan } from '../../../src/planning/scan.js'

const layer = (name: string, size: number): ScannedLayer => {
  const weight = `${name}/kernel`
  const scores = new Float32Array(size)
  return { name, scored: [{ pieces: elementPieces(weight, size), scores, shape: [size] }], sizes: { [weight]: size } }
}
const kernel = (values: number[]) =>
  ({ type: 'float32', shape: [values.length], values: Float32Array.from(values) }) as const

/** Layers `a` of four weights, one of them 0, and `b` of two, at 0.5 and 0.75. */
const SCANNED: Scanned = {
  scan: { ...filledScan(undefined), sparsities: [0.5, 0.75] },
  layers: [layer('a', 4), layer('b', 2)],
  weights: { 'a/kernel': kernel([1, 0, 2, 3]), 'b/kernel': kernel([4, 5]) },
  evaluatedOn: 'validation',
  rows: 1000,
}
const measured = (removed: number, means: Measurement['means']): Measurement => ({ removed, means })
const accuracy = (removed: number, value: number) => measured(removed, { loss: 1, accuracy: value })
const reportOf = (done: Measurement[], changes: Partial<Scanned> = {}) =>
  makeSensitivityReport({ ...SCANNED, ...changes }, done)

describe('a report', () => {
  const report = reportOf([
    accuracy(0, 0.9),
    ...[accuracy(2, 0.9), accuracy(3, 0.89)],
    ...[accuracy(1, 0.87), accuracy(2, 0.5)],
    ...[accuracy(3, 0.895), accuracy(5, 0.4)],
    accuracy(3, 0.85),
  ])

  it('has the curve of each layer, with what it tolerates and what is 0 already', () => {
    const means = (value: number) => ({ loss: 1, accuracy: value })
    expect(report.layers[0]).toEqual({
      ...{ layer: 'a', pieces: 4, weights: 4, zeros: 1, tolerated: 0.75 },
      points: [
        { sparsity: 0.5, removed: 2, means: means(0.9), drop: 0 },
        { sparsity: 0.75, removed: 3, means: means(0.89), drop: expect.closeTo(0.01, 12) },
      ],
      meanDrop: expect.closeTo(0.005, 12),
      verdict:
        'Robust: within 1 point of accuracy up to 75 %, the highest scanned (25 % of its weights are 0 already).',
    })
    expect(report.layers[1]).toMatchObject({
      ...{ layer: 'b', weights: 2, zeros: 0, tolerated: 0 },
      verdict:
        'Sensitive: at 50 %, the lowest scanned, accuracy falls by 3 points. Leave it dense, or train on after pruning it.',
    })
  })

  it('ranks the layers, and says whether single tolerances add up', () => {
    expect([report.mostSensitive, report.leastSensitive]).toEqual(['b', 'a'])
    expect(report.together).toMatchObject({ weights: 6, zeros: 1, tolerated: 0.5 })
    expect(report.advised).toEqual({
      ...{ sparsity: 0.5, removed: 3, means: { loss: 1, accuracy: 0.85 } },
      drop: expect.closeTo(0.05, 12),
    })
    expect(report.verdicts).toEqual([
      "Most sensitive is 'b' (tolerates 0 %), least 'a' (75 %).",
      'All layers together, each at the same sparsity, stay within 1 point of accuracy up to 50 %.',
      'Each at what it tolerates by itself, which is 50 % of the weights, accuracy falls by 5 points: more than 1 point of accuracy, for what single layers tolerate adds up. Train on after pruning, or stay below.',
    ])
    expect(report.suggestion).toMatchObject({
      criterion: 'magnitude',
      schedule: { kind: 'one-shot', finalSparsity: 0.5 },
    })
  })

  it('suggests no sparsity that a layer cannot reach, whatever is tolerated', () => {
    // One of two pieces of `b` has to stay, as of units: round(0.75 · 2) = 2 are too many.
    const b = layer('b', 2)
    const units = { ...b, scored: b.scored.map((each) => ({ ...each, pieces: { ...each.pieces, least: 1 } })) }
    const done = Array.from({ length: 8 }, () => accuracy(1, 0.1))
    const tolerant = { ...SCANNED.scan, dropWithin: 1 }
    const { together, suggestion } = reportOf(done, { scan: tolerant, layers: [layer('a', 4), units] })
    expect(together.tolerated).toBe(0.75)
    expect(suggestion?.schedule).toMatchObject({ finalSparsity: 0.5 })
    expect(reportOf(done, { scan: tolerant }).suggestion?.schedule).toMatchObject({ finalSparsity: 0.75 })
  })

  it('says when one row weighs more than what is tolerated', () => {
    const same = Array.from({ length: 8 }, () => accuracy(0, 0.9))
    expect(reportOf(same, { rows: 50 }).verdicts.at(-1)).toBe(
      'One row of 50 is 2 points of accuracy, more than dropWithin: measure on more rows.',
    )
    expect(reportOf(same, { rows: 100 }).verdicts.join()).not.toContain('One row')
  })

  it('without accuracy is about the loss', () => {
    const losses = [1, 1, 1.005, 1.02, 2, 1.01, 3, 0.99]
    const { judgedBy, layers, advised, suggestion } = reportOf(losses.map((loss) => measured(1, { loss })))
    expect(judgedBy).toBe('loss')
    expect(layers.map(({ tolerated, verdict }) => [tolerated, verdict])).toEqual([
      [0.75, 'Robust: within 1 % more loss up to 75 %, the highest scanned (25 % of its weights are 0 already).'],
      [
        0,
        'Sensitive: at 50 %, the lowest scanned, the loss rises by 2 %. Leave it dense, or train on after pruning it.',
      ],
    ])
    expect(advised.drop).toBeCloseTo(-0.01, 12)
    expect(suggestion?.schedule).toMatchObject({ finalSparsity: 0.5 })
  })

  it('tolerates no loss that is not finite, and ranks it as the most sensitive', () => {
    const broken = measured(1, null)
    const same = accuracy(1, 0.9)
    const { layers, mostSensitive, suggestion } = reportOf([
      accuracy(0, 0.9),
      ...[broken, same],
      ...[accuracy(1, 0.1), accuracy(1, 0.1)],
      ...[broken, broken, broken],
    ])
    expect(layers[0]).toMatchObject({
      tolerated: 0,
      meanDrop: null,
      points: [{ means: null, drop: null }, { drop: 0 }],
    })
    expect(layers[0]?.verdict).toMatch(/^Sensitive: at 50 %, the lowest scanned, the loss is not finite/)
    expect([mostSensitive, suggestion]).toEqual(['a', null])
  })
})
