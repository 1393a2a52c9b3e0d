import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DataSplit, kFold, randomSplit, stratifiedSplit } from '../../src/ml/data-split.js'
import { makeRandom } from '../../src/random.js'

const seeds = () => fc.nat(2_147_483_647)
const fractions = () => fc.double({ min: 0, max: 0.9, noNaN: true })
/** 2 to 40 rows of each of 2 to 5 classes, mixed. */
const labelLists = () =>
  fc.tuple(fc.array(fc.integer({ min: 2, max: 40 }), { minLength: 2, maxLength: 5 }), seeds()).map(([counts, seed]) => {
    const labels = counts.flatMap((count, label) => new Array<number>(count).fill(label))
    return makeRandom(seed, 'mix')
      .permutation(labels.length)
      .map((row) => labels[row] ?? 0)
  })

function expectPartition({ trainRows, validationRows }: DataSplit, rows: number): void {
  const together = [...trainRows, ...validationRows].sort((a, b) => a - b)
  expect(together).toEqual(Array.from({ length: rows }, (_, row) => row))
  for (const part of [trainRows, validationRows]) expect([...part]).toEqual([...part].sort((a, b) => a - b))
}

function countsOf(labels: Int32Array, rows: Int32Array): number[] {
  const counts = new Array<number>(Math.max(...labels) + 1).fill(0)
  for (const row of rows) counts[labels[row] ?? 0] = (counts[labels[row] ?? 0] ?? 0) + 1
  return counts
}

describe('randomSplit', () => {
  it('is a partition with round(fraction · rows) rows held out, and the same for the same seed', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fractions(), seeds(), (rows, fraction, seed) => {
        const split = randomSplit(rows, fraction, seed)
        expectPartition(split, rows)
        expect(split.validationRows.length).toBe(Math.round(fraction * rows))
        expect(randomSplit(rows, fraction, seed)).toEqual(split)
      }),
    ))

  it('holds out the first rows of the permutation named split: a dataset keeps its split', () => {
    const order = makeRandom(7, 'split').permutation(10)
    expect(randomSplit(10, 0.3, 7).validationRows).toEqual(order.slice(0, 3).sort())
    expect(randomSplit(10, 0.3, 8)).not.toEqual(randomSplit(10, 0.3, 7))
  })
})

describe('stratifiedSplit', () => {
  it('is a partition of the sizes of the plain split; each class is off its share by less than one, and trains', () =>
    fc.assert(
      fc.property(labelLists(), fc.double({ min: 0, max: 0.5, noNaN: true }), seeds(), (labels, fraction, seed) => {
        const split = stratifiedSplit(labels, fraction, seed)
        expectPartition(split, labels.length)
        const held = Math.round(fraction * labels.length)
        expect(split.validationRows.length).toBe(held)
        const all = countsOf(
          labels,
          labels.map((_, row) => row),
        )
        countsOf(labels, split.validationRows).forEach((count, label) => {
          const quota = (held * (all[label] ?? 0)) / labels.length
          expect(Math.abs(count - quota)).toBeLessThan(1)
          expect(count).toBeLessThan(all[label] ?? 0)
        })
        expect(stratifiedSplit(labels, fraction, seed)).toEqual(split)
      }),
    ))

  it('never takes the last row of a class, however much is held out', () =>
    fc.assert(
      fc.property(labelLists(), fractions(), seeds(), (labels, fraction, seed) => {
        const classes = new Set(labels).size
        const held = Math.round(fraction * labels.length)
        if (labels.length - held < classes) {
          expect(() => stratifiedSplit(labels, fraction, seed)).toThrow(/fewer than the \d classes/)
          return
        }
        const { trainRows, validationRows } = stratifiedSplit(labels, fraction, seed)
        expect(validationRows.length).toBe(held)
        expect(new Set(trainRows.map((row) => labels[row] ?? 0)).size).toBe(classes)
      }),
    ))

  it('gives the remainder to the largest: 6, 3 and 3 rows, 5 held out: 2.5, 1.25 and 1.25 are 3, 1 and 1', () => {
    const labels = Int32Array.of(0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2)
    expect(countsOf(labels, stratifiedSplit(labels, 5 / 12, 3).validationRows)).toEqual([3, 1, 1])
  })

  it('draws by the seed', () => {
    const labels = Int32Array.from({ length: 100 }, (_, row) => row % 2)
    expect(stratifiedSplit(labels, 0.2, 1)).not.toEqual(stratifiedSplit(labels, 0.2, 2))
  })

  it('refuses labels that are all equal, and names a class with a single row', () => {
    const refusal = (message: RegExp) =>
      expect.objectContaining({ code: 'DATASET_INVALID', message: expect.stringMatching(message) })
    expect(() => stratifiedSplit(Int32Array.of(4, 4, 4), 0.3, 1)).toThrow(refusal(/all 3 labels are equal/))
    expect(() => stratifiedSplit(Int32Array.of(4, 4, 9), 0.3, 1)).toThrow(refusal(/class 9 has 1 row/))
  })
})

describe('kFold', () => {
  const foldsOf = (data: Parameters<typeof kFold>[0], folds: number, seed: number) =>
    Array.from({ length: folds }, (_, fold) => kFold(data, { fold, folds, seed }))

  it('holds out every row once; sizes differ by at most one', () =>
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 200 }), fc.integer({ min: 2, max: 10 }), seeds(), (rows, wanted, seed) => {
        const folds = Math.min(wanted, rows)
        const splits = foldsOf({ rows }, folds, seed)
        for (const split of splits) expectPartition(split, rows)
        const held = splits.flatMap(({ validationRows }) => [...validationRows])
        expect(held.sort((a, b) => a - b)).toEqual(Array.from({ length: rows }, (_, row) => row))
        const sizes = splits.map(({ validationRows }) => validationRows.length)
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
        expect(foldsOf({ rows }, folds, seed)).toEqual(splits)
      }),
    ))

  it('stratified: of each class as well', () =>
    fc.assert(
      fc.property(labelLists(), seeds(), (labels, seed) => {
        const all = countsOf(
          labels,
          labels.map((_, row) => row),
        )
        const folds = Math.min(5, ...all)
        const splits = foldsOf({ labels }, folds, seed)
        const held = splits.flatMap(({ validationRows }) => [...validationRows])
        expect(new Set(held).size).toBe(labels.length)
        const counts = splits.map(({ validationRows }) => countsOf(labels, validationRows))
        for (const label of all.keys()) {
          const ofLabel = counts.map((count) => count[label] ?? 0)
          expect(Math.max(...ofLabel) - Math.min(...ofLabel)).toBeLessThanOrEqual(1)
        }
        const sizes = splits.map(({ validationRows }) => validationRows.length)
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
      }),
    ))

  it('draws by the seed', () => {
    const of = (seed: number) => kFold({ rows: 50 }, { fold: 0, folds: 5, seed })
    expect(of(1)).not.toEqual(of(2))
  })

  it.each([
    [{ rows: 3 }, { fold: 0, folds: 4 }, /4 folds of 3 rows/],
    [{ rows: 3 }, { fold: 0, folds: 1 }, /1 folds of 3 rows/],
    [{ rows: 9 }, { fold: 3, folds: 3 }, /fold 3: give 0 to 2/],
    [{ labels: Int32Array.of(0, 0, 0, 1, 1) }, { fold: 0, folds: 3 }, /class 1 has 2 row/],
    [{ labels: Int32Array.of(1, 1, 1) }, { fold: 0, folds: 3 }, /all 3 labels are equal/],
  ])('refuses %j with %j', (data, fold, message) => {
    expect(() => kFold(data, { ...fold, seed: 1 })).toThrow(message)
  })
})
