import { describe, expect, it } from 'vitest'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import { clipAdaptively, unitAxes, unitAxesOf } from '../../../src/ml/transforms/adaptive.js'
import { exact } from '../../../src/ml/transforms/arithmetic.js'
import { makeQuick } from '../../../src/ml/transforms/quick.js'
import { selectionOf } from '../../../src/ml/transforms/selection.js'
import { modelOf } from '../models/scene.js'
import { tidily, valuesOf } from '../tensors.js'

describe('unitAxes', () => {
  it.each([
    ['dense/bias', [4], [0]],
    ['dense/kernel', [3, 4], [0]],
    ['conv1d/kernel', [5, 3, 4], [0, 1]],
    ['conv2d/kernel', [5, 5, 3, 4], [0, 1, 2]],
    ['conv3d/kernel', [2, 2, 2, 3, 4], [0, 1, 2, 3]],
    ['depthwise/depthwise-kernel', [5, 5, 3, 2], [0, 1]],
    ['separable/pointwise-kernel', [1, 1, 6, 4], [0, 1, 2]],
    ['embedding/embeddings', [9, 4], [0]],
    ['gru/recurrent-kernel', [4, 12], [0]],
    ['gru/bias', [2, 12], [0, 1]],
    ['both/backward-bias', [2, 12], [0, 1]],
    ['both/backward-kernel', [3, 12], [0]],
    ['p-re-lu/alpha', [4, 4, 3], [0, 1, 2]],
    ['layer-normalization/gamma', [4], [0]],
  ] as const)('of %s %j are %j', (name, shape, axes) => {
    expect(unitAxes(name, shape)).toEqual(axes)
  })
})

const LAYERS = modelOf(
  [4, 4, 2],
  { type: 'conv2d-transpose', name: 'up', filters: 2, kernelSize: [1, 2] },
  { type: 'conv2d', name: 'down', filters: 2, kernelSize: [1, 2] },
).layers

it('knows a transposed convolution by its layer, whatever its name', () => {
  const axesOf = unitAxesOf(LAYERS)
  expect(axesOf('up/kernel', [1, 2, 2, 2])).toEqual([0, 1, 3])
  expect(axesOf('up/bias', [2])).toEqual([0])
  expect(axesOf('down/kernel', [1, 2, 2, 2])).toEqual([0, 1, 2])
})

describe.each([
  ['exact', exact],
  ['quick', makeQuick(false)],
  ['quick under XLA', makeQuick(true)],
] as const)('in %s arithmetic', (_, arithmetic) => {
  /** Clipped by 0.1 · ‖w‖ of each unit, whose weights are all 1. */
  const clippedBy = (name: string, shape: number[], values: number[]) =>
    tidily(() => {
      const grads = { [name]: tf.tensor(values, shape) }
      const selection = selectionOf({ include: ['*'], exclude: [] }, grads)
      const context = { params: { [name]: tf.ones(shape) }, threshold: tf.scalar(0.1) }
      const result = clipAdaptively(selection, 1e-3, unitAxesOf(LAYERS), arithmetic).update(grads, {}, context)
      return { clipped: [...(valuesOf(result.grads)[name] ?? [])], info: valuesOf(result.info) }
    })

  it('clips each filter of a transposed convolution by itself', () => {
    // [1, 2, out, in]: of output 0 (1, 1; 1, 1), norm 2 over the bound 0.1 · √4 = 0.2, so a tenth; of output 1 (0.05 four times), norm 0.1.
    const { clipped, info } = clippedBy('up/kernel', [1, 2, 2, 2], [1, 1, 0.05, 0.05, 1, 1, 0.05, 0.05])
    expect(clipped).toEqual([0.1, 0.1, 0.05, 0.05, 0.1, 0.1, 0.05, 0.05].map((x) => expect.closeTo(x, 6)))
    expect([...(info.tensorClipped ?? [])]).toEqual([4])
  })

  it('clips both rows of the bias of a GRU together', () => {
    // ‖(3, 0; 0, 4)‖ = 5 over 0.1 · √4 = 0.2: a twenty-fifth
    const { clipped } = clippedBy('gru/bias', [2, 2], [3, 0, 0, 4])
    expect(clipped).toEqual([0.12, 0, 0, 0.16].map((x) => expect.closeTo(x, 6)))
  })
})

it('clips each column of a kernel by the norm of its weights', () =>
  tidily(() => {
    const grads = { 'a/kernel': tf.tensor2d([3, 0.01, 4, 0.02], [2, 2]) }
    const params = { 'a/kernel': tf.tensor2d([6, 1, 8, 1], [2, 2]) }
    const clipping = clipAdaptively(selectionOf({ include: ['*'], exclude: [] }, grads), 1e-3)
    const context = { params, threshold: tf.scalar(0.1) }
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
    const context = { params, threshold: tf.scalar(0.5) }
    const clipped = valuesOf(clipping.update(grads, {}, context).grads)['a/kernel']
    expect(clipped?.[0]).toBeCloseTo(0.5, 6)
    expect(clipped?.[1]).toBeCloseTo(0.5, 6)
  }))
