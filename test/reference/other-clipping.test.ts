import { expect, it } from 'vitest'
import { tf } from '../../src/ml/engine/tensorflow.js'
import { numberOf, tidily, valuesOf } from '../ml/tensors.js'
import { clipPerExample, clipSpikes } from './other-clipping.js'

it('clipPerExample bounds the share of every example: at 1 (3, 4) gives (0.6, 0.8), (0.3, 0.4) itself', () =>
  tidily(() => {
    const { sums, norms, clipped } = clipPerExample({ w: tf.tensor2d([3, 4, 0.3, 0.4], [2, 2]) }, 1)
    expect(valuesOf(sums).w?.[0]).toBeCloseTo(0.9, 6)
    expect(valuesOf(sums).w?.[1]).toBeCloseTo(1.2, 6)
    expect([...norms.dataSync()]).toEqual([5, 0.5])
    expect(numberOf(clipped)).toBe(1)
  }))

it('clipSpikes cuts −10 at √(4 · 0.25) and leaves elements that have no second moment', () =>
  tidily(() => {
    const moments = { w: tf.tensor1d([0.25, 0.25, 0]) }
    const { grads, elements } = clipSpikes({ w: tf.tensor1d([-10, 0.5, 7]) }, moments, 4)
    expect(valuesOf(grads).w).toEqual(Float32Array.of(-1, 0.5, 7))
    expect(numberOf(elements)).toBe(1)
  }))
