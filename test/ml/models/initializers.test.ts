import { describe, expect, it } from 'vitest'
import { fans, initialValues } from '../../../src/ml/models/initializers.js'
import { makeRandom } from '../../../src/random.js'

const draw = (initializer: Parameters<typeof initialValues>[0], shape: number[]) =>
  initialValues(initializer, shape, makeRandom(0, 'x'))
const variance = (values: Float32Array) => values.reduce((sum, value) => sum + value * value, 0) / values.length

it('the window of a convolution counts in the fans', () => {
  expect(fans([5, 5, 20, 50])).toEqual({ fanIn: 500, fanOut: 1250 })
  expect(fans([7])).toEqual({ fanIn: 7, fanOut: 7 })
})

describe.each([
  ['glorot-uniform', 2 / 300, Math.sqrt(3)],
  ['glorot-normal', 2 / 300, 2 / 0.8796],
  ['he-uniform', 2 / 200, Math.sqrt(3)],
  ['he-normal', 2 / 200, 2 / 0.8796],
  ['lecun-uniform', 1 / 200, Math.sqrt(3)],
  ['lecun-normal', 1 / 200, 2 / 0.8796],
] as const)('%s', (name, expected, bound) => {
  it('has the variance of its fans and no tails', () => {
    const values = draw(name, [200, 100])
    expect(variance(values) / expected).toBeGreaterThan(0.96)
    expect(variance(values) / expected).toBeLessThan(1.04)
    const largest = Math.max(...values.map(Math.abs)) / Math.sqrt(expected)
    expect(largest).toBeLessThanOrEqual(bound * (1 + 1e-6))
    expect(largest).toBeGreaterThan(0.97 * bound)
  })
})

it('draws the numbers that it always drew', () => {
  const glorot = [-0.5275307297706604, 0.14304931461811066, 0.22351984679698944, -0.686761200428009]
  expect([...draw('glorot-uniform', [2, 2])]).toEqual(glorot)
  const he = [-0.8685577511787415, 0.28841501474380493, 0.12537670135498047, 2.263002872467041]
  expect([...draw('he-normal', [2, 2])]).toEqual(he)
})

describe.each([[[6, 4]], [[4, 6]], [[3, 3, 2, 5]], [[2, 2, 2, 12]]])('orthogonal %j', (shape) => {
  it('has orthonormal rows or columns, whichever are fewer, times its gain', () => {
    const values = draw({ kind: 'orthogonal', gain: 2 }, shape)
    const columns = shape.at(-1) ?? 1
    const rows = values.length / columns
    const at = (vector: number, place: number) =>
      (rows >= columns ? values[place * columns + vector] : values[vector * columns + place]) ?? Number.NaN
    const count = Math.min(rows, columns)
    for (let one = 0; one < count; one++)
      for (let other = 0; other < count; other++) {
        let product = 0
        for (let place = 0; place < Math.max(rows, columns); place++) product += at(one, place) * at(other, place)
        expect(product).toBeCloseTo(one === other ? 4 : 0, 5)
      }
  })
})

it('kinds with numbers', () => {
  expect([...draw({ kind: 'constant', value: 0.5 }, [2])]).toEqual([0.5, 0.5])
  expect([...draw('ones', [2])]).toEqual([1, 1])
  expect([...draw({ kind: 'blocks', values: [0, 1, 2] }, [2, 6])]).toEqual([0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2])
  expect(variance(draw({ kind: 'normal', deviation: 3 }, [10_000])) / 9).toBeCloseTo(1, 1)
  const uniform = draw({ kind: 'uniform', limit: 0.05 }, [1000])
  expect(Math.max(...uniform.map(Math.abs))).toBeLessThanOrEqual(0.05)
  expect(Math.max(...uniform.map(Math.abs))).toBeGreaterThan(0.049)
})
