import fc from 'fast-check'
import { expect, it } from 'vitest'
import { loadBuiltin } from '../../src/datasets/builtin.js'
import { makeTemporalOrder } from '../../src/datasets/temporal-order.js'

/** Symbol at each time; throws where a place is not one-hot. */
function symbolsOf(values: ArrayLike<number>, length: number): number[][] {
  const rows: number[][] = []
  for (let place = 0; place < values.length / 6; place++) {
    const hot = Array.from({ length: 6 }, (_, symbol) => values[place * 6 + symbol])
    if (hot.filter((it) => it === 1).length !== 1 || hot.filter((it) => it === 0).length !== 5)
      throw new Error(`place ${place} is ${hot}`)
    if (place % length === 0) rows.push([])
    rows.at(-1)?.push(hot.indexOf(1))
  }
  return rows
}

it('has two signals in their ranges, whose order is the class', () =>
  fc.assert(
    fc.asyncProperty(fc.nat(2 ** 31 - 1), fc.integer({ min: 10, max: 70 }), async (seed, length) => {
      const { tensors } = await makeTemporalOrder({ rows: 40, testRows: 10, length, seed })
      for (const split of ['train', 'test']) {
        const labels = tensors[`${split}.labels`]?.values ?? []
        for (const [row, symbols] of symbolsOf(tensors[`${split}.features`]?.values ?? [], length).entries()) {
          const signals = symbols.flatMap((symbol, time) => (symbol >= 4 ? [{ symbol, time }] : []))
          const [first, second] = signals
          expect(signals).toHaveLength(2)
          expect(first?.time).toBeGreaterThanOrEqual(Math.floor(length / 10))
          expect(first?.time).toBeLessThanOrEqual(Math.floor(length / 5))
          expect(second?.time).toBeGreaterThanOrEqual(Math.floor(length / 2))
          expect(second?.time).toBeLessThanOrEqual(Math.floor((6 * length) / 10))
          expect(labels[row]).toBe(2 * Number(first?.symbol === 5) + Number(second?.symbol === 5))
        }
      }
    }),
    { numRuns: 30 },
  ))

it('reaches both ends of its ranges, and every class and symbol about equally often', async () => {
  const { schema, tensors } = await makeTemporalOrder({ rows: 4000, testRows: 0 })
  const rows = symbolsOf(tensors['train.features']?.values ?? [], 50)
  const times = (from: number, to: number) =>
    [...new Set(rows.map((row) => row.findIndex((symbol, time) => symbol >= 4 && time >= from && time < to)))].sort(
      (a, b) => a - b,
    )
  expect(times(0, 25)).toEqual([5, 6, 7, 8, 9, 10])
  expect(times(25, 50)).toEqual([25, 26, 27, 28, 29, 30])
  // 4,000 draws with p = ¼: mean 1,000, deviation √(4,000 · ¼ · ¾) ≈ 27; five of them are allowed.
  for (const count of schema.classCounts ?? []) expect(Math.abs(count - 1000)).toBeLessThan(137)
  expect(schema.classCounts?.reduce((sum, count) => sum + count, 0)).toBe(4000)
  // 192,000 distractors: mean 48,000, deviation ≈ 190.
  for (let symbol = 0; symbol < 4; symbol++)
    expect(Math.abs(rows.flat().filter((it) => it === symbol).length - 48_000)).toBeLessThan(950)
})

it('depends on the seed alone: more rows add to the same ones, and the splits differ', async () => {
  const long = await makeTemporalOrder({ rows: 3000, testRows: 200, seed: 7 })
  const short = await makeTemporalOrder({ rows: 200, testRows: 100, seed: 7 })
  const other = await makeTemporalOrder({ rows: 200, testRows: 100, seed: 8 })
  const bytes = (draft: typeof long, name: string, rows: number) =>
    Buffer.from(draft.tensors[name]?.values.slice(0, rows * 300) ?? [])
  expect(bytes(long, 'train.features', 200)).toEqual(bytes(short, 'train.features', 200))
  expect(bytes(long, 'test.features', 100)).toEqual(bytes(short, 'test.features', 100))
  expect(bytes(short, 'train.features', 100)).not.toEqual(bytes(short, 'test.features', 100))
  expect(bytes(short, 'train.features', 200)).not.toEqual(bytes(other, 'train.features', 200))
})

it('comes with the service, and says how it was made', async () => {
  const draft = await loadBuiltin({ name: 'temporal-order', rows: 20, testRows: 0, seed: 3 })
  expect(draft).toMatchObject({
    name: 'temporal order',
    source: 'builtin:temporal-order?rows=20&testRows=0&length=50&seed=3',
    schema: {
      exampleShape: [50, 6],
      featureType: 'uint8',
      target: { kind: 'classes', names: ['XX', 'XY', 'YX', 'YY'] },
      trainRows: 20,
      testRows: 0,
    },
  })
  expect(Object.keys(draft.tensors)).toEqual(['train.features', 'train.labels'])
})

it('refuses to fill the memory', async () => {
  // 128 MiB / (1,000 · 6) = 22,369.6
  await expect(makeTemporalOrder({ rows: 22_370, testRows: 0, length: 1000 })).rejects.toMatchObject({
    code: 'DATASET_INVALID',
    errors: [{ pointer: '/source/rows', detail: expect.stringContaining('at most 22369 sequences') }],
  })
})

it('refuses an option of another dataset', async () => {
  await expect(loadBuiltin({ name: 'mnist', seed: 1 })).rejects.toMatchObject({
    code: 'REQUEST_INVALID',
    errors: [{ pointer: '/source/seed', detail: 'is no option of mnist, which has none' }],
  })
})
