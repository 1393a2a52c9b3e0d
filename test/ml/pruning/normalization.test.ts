import { describe, expect, it } from 'vitest'
import { normalize } from '../../../src/ml/pruning/normalization.js'

describe('scores of a layer', () => {
  it.each([
    ['none', [-4, 1, 3]],
    ['sum', [-4 / 8, 1 / 8, 3 / 8]],
    ['mean', [(-4 * 3) / 8, 3 / 8, 9 / 8]],
    ['max', [-1, 1 / 4, 3 / 4]],
    ['l2', [-4, 1, 3].map((score) => score / Math.sqrt(26))],
  ] as const)('are divided by their magnitudes, also where most are below 0: %s', (kind, expected) => {
    const found = normalize(Float32Array.of(-4, 1, 3), kind)
    expect([...found]).toEqual(expected.map((score) => expect.closeTo(score, 6)))
  })

  it.each(['none', 'sum', 'mean', 'max', 'l2'] as const)('that are all 0 stay 0: %s', (kind) => {
    expect(normalize(new Float32Array(3), kind)).toEqual(new Float32Array(3))
  })
})
