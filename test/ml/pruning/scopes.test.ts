import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CRITERIA } from '../../../src/ml/pruning/criteria.js'
import { updateMasks } from '../../../src/ml/pruning/scopes.js'

const layers = () =>
  fc
    .array(fc.float32Array({ minLength: 1, maxLength: 40, noNaN: true }), { minLength: 1, maxLength: 4 })
    .map((list) => Object.fromEntries(list.map((param, i) => [`w${i}`, CRITERIA.magnitude({ param })])))
const sparsities = () => fc.double({ min: 0, max: 0.999, noNaN: true })

describe('updateMasks', () => {
  it('removes round(sparsity · n) of each layer, or of all together', () =>
    fc.assert(
      fc.property(layers(), sparsities(), (scores, sparsity) => {
        const byLayer = updateMasks({ scores, sparsity, scope: 'layer' })
        for (const [name, values] of Object.entries(scores)) {
          expect(byLayer.removed[name]).toBe(Math.round(sparsity * values.length))
        }
        const total = Object.values(scores).reduce((sum, values) => sum + values.length, 0)
        const global = updateMasks({ scores, sparsity, scope: 'global' })
        expect(global.totalRemoved).toBe(Math.round(sparsity * total))
      }),
    ))

  it('globally, no removed weight is larger than one that is kept', () =>
    fc.assert(
      fc.property(layers(), sparsities(), (scores, sparsity) => {
        const { masks } = updateMasks({ scores, sparsity, scope: 'global' })
        const split = { kept: [Number.POSITIVE_INFINITY], removed: [0] }
        for (const [name, values] of Object.entries(scores)) {
          values.forEach((score, i) => {
            split[masks[name]?.[i] === 1 ? 'kept' : 'removed'].push(score)
          })
        }
        expect(Math.max(...split.removed)).toBeLessThanOrEqual(Math.min(...split.kept))
      }),
    ))

  it('grows from the masks before, in both scopes', () =>
    fc.assert(
      fc.property(layers(), sparsities(), sparsities(), fc.constantFrom('layer', 'global'), (scores, a, b, scope) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)]
        const { masks: previous } = updateMasks({ scores, sparsity: low, scope })
        const turned = Object.fromEntries(
          Object.entries(scores).map(([name, values]) => [name, values.slice().reverse()]),
        )
        const { masks, totalRemoved } = updateMasks({ scores: turned, sparsity: high, scope, previous })
        for (const [name, mask] of Object.entries(masks)) {
          expect(mask.every((bit, i) => bit <= (previous[name]?.[i] ?? 0))).toBe(true)
        }
        expect(totalRemoved).toBe(updateMasks({ scores, sparsity: high, scope }).totalRemoved)
      }),
    ))

  it('rounds halves up and ranks layers together: 3 of 5 at 0.5', () => {
    const scores = { a: Float32Array.of(1, 5, 2), b: Float32Array.of(3, 4) }
    const { masks, removed, totalRemoved } = updateMasks({ scores, sparsity: 0.5, scope: 'global' }) // 2.5 → 3
    expect(masks).toEqual({ a: Uint8Array.of(0, 1, 0), b: Uint8Array.of(0, 1) })
    expect(removed).toEqual({ a: 2, b: 1 })
    expect(totalRemoved).toBe(3)
  })
})
