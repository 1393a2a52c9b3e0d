import { describe, expect, it } from 'vitest'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import { modelOf, numbers, run, type Values } from './scene.js'

const close = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 5))
const image: Values = { shape: [1, 3, 3, 1], values: [1, 2, 3, 4, 5, 6, 7, 8, 9] }

describe('conv2d', () => {
  it('is a cross-correlation, channels last, with strides and same padding', () => {
    const kernel = { 'conv2d-1/kernel': [1, 0, 0, 10] }
    const conv = { type: 'conv2d', filters: 1, kernelSize: 2, useBias: false }
    // top left + 10 · bottom right of each window
    expect(run(modelOf([3, 3, 1], conv), kernel, image)).toEqual({ shape: [1, 2, 2, 1], values: [51, 62, 84, 95] })
    const same = modelOf([3, 3, 1], { ...conv, strides: 2, padding: 'same' })
    // padded by a zero row and column at the end: windows at (0, 0), (0, 2), (2, 0), (2, 2)
    expect(run(same, kernel, image)).toEqual({ shape: [1, 2, 2, 1], values: [51, 3, 7, 9] })
  })

  it('with groups is one convolution for each part of the channels', () => {
    const x = numbers(2 * 5 * 5 * 4)
    const kernel = numbers(3 * 3 * 2 * 6, 2)
    const grouped = modelOf([5, 5, 4], { type: 'conv2d', filters: 6, kernelSize: 3, groups: 2, useBias: false })
    const single = modelOf([5, 5, 2], { type: 'conv2d', filters: 3, kernelSize: 3, useBias: false })
    const part = (values: number[], width: number, group: number) =>
      values.filter((_, index) => Math.floor((index % width) / (width / 2)) === group)
    const whole = run(grouped, { 'conv2d-1/kernel': kernel }, { shape: [2, 5, 5, 4], values: x })
    for (const group of [0, 1]) {
      const values = part(x, 4, group)
      const alone = run(single, { 'conv2d-1/kernel': part(kernel, 6, group) }, { shape: [2, 5, 5, 2], values })
      expect(part([...whole.values], 6, group)).toEqual(close(alone.values))
    }
  })
})

it.each([
  ['conv2d', { filters: 1 }, 'kernel'],
  ['depthwise-conv2d', {}, 'depthwise-kernel'],
])('%s with dilation has zeros between its taps', (type, extra, kernel) => {
  const x: Values = { shape: [1, 5, 5, 1], values: numbers(25) }
  const layer = { type, ...extra, padding: 'same', useBias: false }
  const dilated = modelOf([5, 5, 1], { ...layer, kernelSize: 2, dilation: 2 })
  const spread = modelOf([5, 5, 1], { ...layer, kernelSize: 3 })
  const name = `${type}-1/${kernel}`
  expect(run(dilated, { [name]: [1, 2, 3, 4] }, x).values).toEqual(
    close(run(spread, { [name]: [1, 0, 2, 0, 0, 0, 3, 0, 4] }, x).values),
  )
})

it('causal conv1d sees no later step', () => {
  const model = modelOf([6, 1], {
    type: 'conv1d',
    filters: 1,
    kernelSize: 2,
    dilation: 2,
    padding: 'causal',
    useBias: false,
  })
  // 10 · x[t] + x[t − 2]
  const { values } = run(model, { 'conv1d-1/kernel': [1, 10] }, { shape: [1, 6, 1], values: [1, 2, 3, 4, 5, 6] })
  expect(values).toEqual([10, 20, 31, 42, 53, 64])
})

it('conv2d-transpose is the adjoint of conv2d: ⟨conv(x), y⟩ = ⟨x, transposed(y)⟩', () => {
  const window = { kernelSize: 3, strides: 2, padding: 'same', useBias: false }
  const kernel = numbers(3 * 3 * 2 * 4)
  const x = numbers(6 * 6 * 2, 3)
  const y = numbers(3 * 3 * 4, 4)
  const forth = modelOf([6, 6, 2], { type: 'conv2d', filters: 4, ...window })
  const back = modelOf([3, 3, 4], { type: 'conv2d-transpose', filters: 2, ...window })
  const there = run(forth, { 'conv2d-1/kernel': kernel }, { shape: [1, 6, 6, 2], values: x }).values
  const here = run(back, { 'conv2d-transpose-1/kernel': kernel }, { shape: [1, 3, 3, 4], values: y }).values
  const product = (a: readonly number[], b: readonly number[]) => a.reduce((sum, v, i) => sum + v * (b[i] ?? 0), 0)
  expect(product(there, y)).toBeCloseTo(product(x, here), 4)
})

describe('pooling', () => {
  it('takes largest and mean of each window; padding counts in neither', () => {
    expect(run(modelOf([3, 3, 1], { type: 'max-pooling2d' }), {}, image).values).toEqual([5])
    const mean = modelOf([3, 3, 1], { type: 'average-pooling2d', padding: 'same' })
    expect(run(mean, {}, image).values).toEqual([3, 4.5, 7.5, 9])
    const dense = modelOf([3, 3, 1], { type: 'max-pooling2d', strides: 1 })
    expect(run(dense, {}, image).values).toEqual([5, 6, 8, 9])
  })

  it('over all positions shares the gradient among those that tie', () => {
    const model = modelOf([3, 1], { type: 'global-max-pooling' })
    const gradient = tf.tidy(() => [
      ...tf
        .grad((x) => tf.sum(model.apply({}, x)))(tf.tensor3d([[[7], [7], [1]]]))
        .dataSync(),
    ])
    expect(gradient).toEqual([0.5, 0.5, 0])
  })
})
