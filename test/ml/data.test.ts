import { describe, expect, it } from 'vitest'
import type { DatasetSchema } from '../../src/contracts/dataset.js'
import type { StoredTensors } from '../../src/formats/safetensors.js'
import { prepareData } from '../../src/ml/data.js'
import { filledSpecOf } from '../planning/fixtures.js'

const table: DatasetSchema = {
  exampleShape: [2],
  featureType: 'float32',
  columns: ['a', 'b'],
  target: { kind: 'classes', names: ['no', 'yes'] },
  trainRows: 4,
  testRows: 1,
}
const tensors = (features: number[], labels: number[]): StoredTensors => ({
  'train.features': { type: 'float32', shape: [4, 2], values: Float32Array.from(features) },
  'train.labels': { type: 'int32', shape: [4], values: Int32Array.from(labels) },
  'test.features': { type: 'float32', shape: [1, 2], values: Float32Array.of(9, 5) },
  'test.labels': { type: 'int32', shape: [1], values: Int32Array.of(1) },
})
const data = tensors([1, 5, 3, 5, 5, 5, 7, 5], [0, 1, 0, 1])

describe('prepareData', () => {
  it('standardizes each column by the training rows; a column that never changes has deviation 1', () => {
    const { state, normalization, testRows } = prepareData(data, table, filledSpecOf())
    // column a: 1, 3, 5, 7: mean 4, deviation √((9 + 1 + 1 + 9) / 4) = √5
    expect(normalization).toEqual({ mean: [4, 5], deviation: [Math.sqrt(5), 1] })
    expect([...testRows]).toEqual([4])
    const r = Math.sqrt(5)
    expect([...(state['data/features']?.values ?? [])]).toEqual(
      [-3 / r, 0, -1 / r, 0, 1 / r, 0, 3 / r, 0, 5 / r, 0].map(Math.fround),
    )
    expect([...(state['data/labels']?.values ?? [])]).toEqual([0, 1, 0, 1, 1])
  })

  it('keeps the digits of large, close numbers', () => {
    const { state } = prepareData(
      tensors([16_777_214, 0, 16_777_216, 0, 16_777_214, 0, 16_777_216, 0], [0, 0, 1, 1]),
      table,
      filledSpecOf(),
    )
    expect([...(state['data/features']?.values ?? [])].filter((_, index) => index % 2 === 0).slice(0, 4)).toEqual([
      -1, 1, -1, 1,
    ])
  })

  it('leaves the data alone under none', () => {
    const { state, normalization } = prepareData(data, table, filledSpecOf({ normalization: 'none' }))
    expect(normalization).toBeNull()
    expect([...(state['data/features']?.values ?? [])].slice(0, 4)).toEqual([1, 5, 3, 5])
  })

  it('keeps images in bytes and gives the constants of each channel', () => {
    const images: DatasetSchema = {
      ...table,
      exampleShape: [1, 2, 2],
      featureType: 'uint8',
      columns: null,
      trainRows: 2,
      testRows: 0,
    }
    const { state, normalization } = prepareData(
      {
        'train.features': { type: 'uint8', shape: [2, 1, 2, 2], values: Uint8Array.of(0, 10, 2, 10, 4, 10, 6, 14) },
        'train.labels': { type: 'int32', shape: [2], values: Int32Array.of(0, 1) },
      },
      images,
      filledSpecOf(),
    )
    // channel 0: 0, 2, 4, 6: mean 3, deviation √5; channel 1: 10, 10, 10, 14: mean 11, deviation √3
    expect(normalization).toEqual({ mean: [3, 11], deviation: [Math.sqrt(5), Math.sqrt(3)] })
    expect(state['data/features']?.type).toBe('uint8')
    expect([...(state['data/scale']?.values ?? [])]).toEqual([
      Math.fround(1 / Math.sqrt(5)),
      Math.fround(1 / Math.sqrt(3)),
    ])
  })

  it('holds out rows by the seed and never measures them', () => {
    const spec = filledSpecOf({ validation: { fraction: 0.5 }, seed: 3 })
    const { trainRows, validationRows, normalization } = prepareData(data, table, spec)
    expect([...trainRows, ...validationRows].sort()).toEqual([0, 1, 2, 3])
    expect(validationRows.length).toBe(2)
    const a = [...trainRows].map((row) => 1 + 2 * row)
    expect(normalization?.mean[0]).toBe(((a[0] ?? 0) + (a[1] ?? 0)) / 2)
    expect(prepareData(data, table, spec).validationRows).toEqual(validationRows)
    const draws = new Set(
      [0, 1, 2, 3, 4, 5].map((seed) => prepareData(data, table, { ...spec, seed }).validationRows.join()),
    )
    expect(draws.size).toBeGreaterThan(1)
  })

  it('names the row of a label that is no class', () => {
    expect(() => prepareData(tensors([1, 2, 3, 4, 5, 6, 7, 8], [0, 1, 2, 1]), table, filledSpecOf())).toThrowError(
      expect.objectContaining({ code: 'DATASET_INVALID', message: expect.stringContaining('row 2: label 2') }),
    )
  })

  describe('of 40 rows, 30 of one class and 10 of the other', () => {
    const labels = Array.from({ length: 40 }, (_, row) => Number(row % 4 === 3))
    const uneven: DatasetSchema = { ...table, trainRows: 40, testRows: 0 }
    const rows: StoredTensors = {
      'train.features': { type: 'float32', shape: [40, 2], values: Float32Array.from({ length: 80 }, (_, at) => at) },
      'train.labels': { type: 'int32', shape: [40], values: Int32Array.from(labels) },
    }
    const prepared = (fields: Record<string, unknown>) => prepareData(rows, uneven, filledSpecOf(fields))
    const ofSecond = (held: Int32Array) => [...held].filter((row) => labels[row] === 1).length

    it('stratified holds out the same share of each class, whatever the seed', () => {
      const held = [1, 2, 3, 4, 5, 6].map(
        (seed) => prepared({ validation: { fraction: 0.5, stratified: true }, seed }).validationRows,
      )
      expect(held.map((each) => [each.length, ofSecond(each)])).toEqual(held.map(() => [20, 5]))
    })

    it('holds out the fold that is asked for: together the folds are all rows', () => {
      const folds = [0, 1, 2, 3].map((fold) => prepared({ validation: { folds: 4, fold, stratified: true } }))
      const held = folds.flatMap(({ validationRows }) => [...validationRows])
      expect(held.sort((a, b) => a - b)).toEqual(labels.map((_, row) => row))
      for (const { validationRows } of folds) expect(ofSecond(validationRows) - 2.5).toBeOneOf([-0.5, 0.5])
    })

    it('balances classes by the rows that train, not by those held out', () => {
      const draws = [1, 2, 3, 4].map((seed) =>
        prepared({ validation: { fraction: 0.5 }, classWeights: 'balanced', seed }),
      )
      for (const { trainRows, state } of draws) {
        const second = ofSecond(trainRows)
        // rows / (classes · rows of the class)
        const expected = [20 / (2 * (20 - second)), 20 / (2 * second)].map(Math.fround)
        expect([...(state['data/class-weights']?.values ?? [])]).toEqual(expected)
      }
      expect(draws.some(({ trainRows }) => ofSecond(trainRows) !== 5)).toBe(true)
    })
  })

  it('keeps the weights of the rows beside them; rows of the test split weigh 1', () => {
    const weights: StoredTensors = {
      'train.weights': { type: 'float32', shape: [4], values: Float32Array.of(2, 0, 3, 5) },
    }
    const { state } = prepareData({ ...data, ...weights }, { ...table, hasWeights: true }, filledSpecOf())
    expect([...(state['data/weights']?.values ?? [])]).toEqual([2, 0, 3, 5, 1])
  })
})
