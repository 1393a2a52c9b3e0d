import { describe, expect, it } from 'vitest'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import { clipAdaptively, unitAxes } from '../../../src/ml/transforms/adaptive.js'
import { selectionOf } from '../../../src/ml/transforms/selection.js'
import { tidily, valuesOf } from '../tensors.js'

describe('unitAxes', () => {
  it.each([
    ['dense/bias', [4], [0]],
    ['dense/kernel', [3, 4], [0]],
    ['conv1d/kernel', [5, 3, 4], [0, 1]],
    ['conv2d/kernel', [5, 5, 3, 4], [0, 1, 2]],
    ['depthwise/depthwise-kernel', [5, 5, 3, 2], [0, 1]],
  ] as const)('of %s %j are %j', (name, shape, axes) => {
    expect(unitAxes(name, shape)).toEqual(axes)
  })
})

it('clips each column of a kernel by the norm of its weights', () =>
  tidily(() => {
    const grads = { 'a/kernel': tf.tensor2d([3, 0.01, 4, 0.02], [2, 2]) }
    const params = { 'a/kernel': tf.tensor2d([6, 1, 8, 1], [2, 2]) }
    const clipping = clipAdaptively(selectionOf({ include: ['*'], exclude: [] }, grads), 1e-3)
    const context = { params, step: tf.scalar(0, 'int32'), threshold: tf.scalar(0.1) }
    const result = clipping.update(grads, {}, context)
    // Columns: ‖(3, 4)‖ = 5 over 0.1 · ‖(6, 8)‖ = 1, so a fifth; ‖(0.01, 0.02)‖ < 0.1 · √2.
    const clipped = [...(valuesOf(result.grads)['a/kernel'] ?? [])]
    expect(clipped).toEqual([0.6, 0.01, 0.8, 0.02].map((x) => expect.closeTo(x, 6)))
    expect([...(valuesOf(result.info).tensorClipped ?? [])]).toEqual([2])
    expect(valuesOf(result.info).clipScale?.[0]).toBeCloseTo(0.2, 6)
  }))

it('clips a unit of 1e30 beside one of 1 exactly', () =>
  tidily(() => {
    const grads = { 'a/kernel': tf.tensor2d([1e30, 1], [1, 2]) }
    const params = { 'a/kernel': tf.tensor2d([1, 1], [1, 2]) }
    const clipping = clipAdaptively(selectionOf({ include: ['*'], exclude: [] }, grads), 1e-3)
    const context = { params, step: tf.scalar(0, 'int32'), threshold: tf.scalar(0.5) }
    const clipped = valuesOf(clipping.update(grads, {}, context).grads)['a/kernel']
    expect(clipped?.[0]).toBeCloseTo(0.5, 6)
    expect(clipped?.[1]).toBeCloseTo(0.5, 6)
  }))
