import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BudgetOptions } from '../../../src/ml/pruning/budget.js'
import { elementPieces } from '../../../src/ml/pruning/granularity/elements.js'
import { type Scored, updateMasks } from '../../../src/ml/pruning/masks.js'

type Layers = Readonly<Record<string, Float32Array>>

const OPTIONS: BudgetOptions = {
  ...{ sparsity: 0.5, scope: 'layer', distribution: 'uniform', roundTo: 1 },
  bounds: { min: 0, max: 1 },
}
const layers = () =>
  fc
    .array(fc.float32Array({ minLength: 1, maxLength: 40, noNaN: true }), { minLength: 1, maxLength: 4 })
    .map((list) => Object.fromEntries(list.map((values, i) => [`w${i}`, values.map(Math.abs)])))
/** Many equal scores. */
const tied = () =>
  fc
    .array(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 4 })
    .map((list) => Object.fromEntries(list.map((values, i) => [`w${i}`, Float32Array.from(values)])))
const sparsities = () => fc.double({ min: 0, max: 0.999, noNaN: true })

function scored(scores: Layers): Scored[] {
  return Object.entries(scores).map(([name, values]) => ({
    pieces: elementPieces(name, values.length),
    ...{ scores: values, shape: [values.length] },
  }))
}

const whole = (scores: Layers) =>
  Object.fromEntries(Object.entries(scores).map(([name, { length }]) => [name, new Uint8Array(length).fill(1)]))
const update = (scores: Layers, options: Partial<BudgetOptions>, previous = whole(scores)) =>
  updateMasks(scored(scores), previous, { ...OPTIONS, ...options })
const totalOf = ({ updates }: ReturnType<typeof updateMasks>) => updates.reduce((sum, { removed }) => sum + removed, 0)

describe('updateMasks', () => {
  it('removes round(sparsity · n) of each layer, or of all together, whatever the ties', () =>
    fc.assert(
      fc.property(fc.oneof(layers(), tied()), sparsities(), (scores, sparsity) => {
        const byLayer = update(scores, { sparsity })
        for (const { name, removed } of byLayer.updates)
          expect(removed).toBe(Math.round(sparsity * (scores[name]?.length ?? 0)))
        const total = Object.values(scores).reduce((sum, values) => sum + values.length, 0)
        expect(totalOf(update(scores, { sparsity, scope: 'global' }))).toBe(Math.round(sparsity * total))
      }),
    ))

  it('globally, no removed weight is larger than one that is kept', () =>
    fc.assert(
      fc.property(layers(), sparsities(), (scores, sparsity) => {
        const { masks } = update(scores, { sparsity, scope: 'global' })
        const split = { kept: [Number.POSITIVE_INFINITY], removed: [0] }
        for (const [name, values] of Object.entries(scores))
          values.forEach((score, i) => {
            split[masks[name]?.[i] === 1 ? 'kept' : 'removed'].push(score)
          })
        expect(Math.max(...split.removed)).toBeLessThanOrEqual(Math.min(...split.kept))
      }),
    ))

  it('grows from the masks before, in both scopes, and repeats to the same', () =>
    fc.assert(
      fc.property(layers(), sparsities(), sparsities(), fc.constantFrom('layer', 'global'), (scores, a, b, scope) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)]
        const { masks: previous } = update(scores, { sparsity: low, scope })
        const turned = Object.fromEntries(
          Object.entries(scores).map(([name, values]) => [name, values.slice().reverse()]),
        )
        const after = update(turned, { sparsity: high, scope }, previous)
        for (const [name, mask] of Object.entries(after.masks))
          expect(mask.every((bit, i) => bit <= (previous[name]?.[i] ?? 0))).toBe(true)
        expect(totalOf(after)).toBe(totalOf(update(scores, { sparsity: high, scope })))
        expect(update(turned, { sparsity: high, scope }, after.masks).masks).toEqual(after.masks)
      }),
    ))

  it('keeps every layer within its bounds, and the sparsity of all where the bounds allow it', () =>
    fc.assert(
      fc.property(layers(), sparsities(), (scores, sparsity) => {
        const bounds = { min: sparsity / 2, max: 0.5 + sparsity / 2 }
        const result = update(scores, { sparsity, scope: 'global', bounds })
        let [least, most] = [0, 0]
        for (const { name, removed } of result.updates) {
          const size = scores[name]?.length ?? 0
          const limit = { least: Math.round(bounds.min * size), most: Math.floor(bounds.max * size) }
          expect(removed).toBeLessThanOrEqual(limit.most)
          expect(removed).toBeGreaterThanOrEqual(Math.min(limit.least, limit.most))
          least += Math.min(limit.least, limit.most)
          most += limit.most
        }
        const total = Object.values(scores).reduce((sum, values) => sum + values.length, 0)
        const wanted = Math.round(sparsity * total)
        expect(totalOf(result)).toBe(Math.min(most, Math.max(least, wanted)))
      }),
    ))

  it('keeps a multiple, by keeping more', () => {
    const scores = { w: Float32Array.from({ length: 20 }, (_, i) => i) }
    expect(totalOf(update(scores, { sparsity: 0.5, roundTo: 8 }))).toBe(4) // 10 kept → 16
    expect(totalOf(update(scores, { sparsity: 0.9, roundTo: 8 }))).toBe(12) // 2 kept → 8
    expect(totalOf(update(scores, { sparsity: 0, roundTo: 8 }))).toBe(0) // 24 are not there
  })

  it('removes more of large layers by erk, and as many in sum', () => {
    const scores = { small: new Float32Array(100).fill(1), large: new Float32Array(10_000).fill(1) }
    const shapes: Record<string, number[]> = { small: [10, 10], large: [100, 100] }
    const list = scored(scores).map((each) => ({ ...each, shape: shapes[each.pieces.name] ?? [] }))
    const result = updateMasks(list, whole(scores), { ...OPTIONS, sparsity: 0.9, distribution: 'erk' })
    // 1,010 are kept: ε · (20 + 200) of them with raw densities of 20 / 100 and 200 / 10,000, so ε is 4.59.
    expect(result.updates.map(({ removed }) => removed)).toEqual([8, 9082])
  })

  it('removes what scores below a threshold, an equal score stays', () => {
    const scores = { a: Float32Array.of(0.1, 0.5, 0.3), b: Float32Array.of(0.05, 0.02) }
    const { masks, updates } = updateMasks(scored(scores), whole(scores), {
      ...{ alpha: 0.3, bounds: { min: 0, max: 1 }, roundTo: 1 },
    })
    expect(masks).toEqual({ a: Uint8Array.of(0, 1, 1), b: Uint8Array.of(0, 0) })
    expect(updates).toEqual([
      { name: 'a', pieces: 3, removed: 1, threshold: expect.closeTo(0.1, 6) },
      { name: 'b', pieces: 2, removed: 2, threshold: expect.closeTo(0.05, 6) },
    ])
  })

  it('rounds halves up and ranks layers together: 3 of 5 at 0.5', () => {
    const scores = { a: Float32Array.of(1, 5, 2), b: Float32Array.of(3, 4) }
    const result = update(scores, { scope: 'global' }) // 2.5 → 3
    expect(result.masks).toEqual({ a: Uint8Array.of(0, 1, 0), b: Uint8Array.of(0, 1) })
    expect(result.updates).toEqual([
      { name: 'a', pieces: 3, removed: 2, threshold: 2 },
      { name: 'b', pieces: 2, removed: 1, threshold: 3 },
    ])
  })
})
