import { describe, expect, it } from 'vitest'
import { compact } from '../../../../src/ml/pruning/compaction/compact.js'
import { difference, modelOf, type Network, outputsOf, randomWeights, type State, stateOf, stored } from './networks.js'

const numbers = (state: Network['state'], name: string): number[] => [...(state[name]?.values ?? [])]

/** Without the units that listen to nothing but a bias. */
function deafen(state: State, name: string, units: readonly number[], bias: number): void {
  const { shape, values } = state[`${name}/kernel`] ?? stored([], [])
  const columns = shape.at(-1) ?? 1
  const given = numbers(state, `${name}/bias`)
  state[`${name}/kernel`] = stored(
    shape,
    Array.from(values, (value, index) => (units.includes(index % columns) ? 0 : value)),
  )
  state[`${name}/bias`] = stored(
    [columns],
    given.map((value, index) => (units.includes(index) ? bias : value)),
  )
}

function expectSameOutputs(one: Network, other: Network): void {
  expect(difference(outputsOf(one), outputsOf(other))).toBeLessThanOrEqual(1e-5)
}

describe('folding', () => {
  it('puts the constant of a unit without inputs into the bias after it', () => {
    const model = modelOf(
      [2],
      { type: 'dense', name: 'a', units: 3, activation: 'relu' },
      { type: 'dense', name: 'b', units: 1 },
    )
    const state = stateOf(model, {
      'a/kernel': [1, 0, 2, 3, 0, 1],
      'a/bias': [0.5, 0.5, -1],
      'b/kernel': [1, 2, 0],
      'b/bias': [0.25],
    })
    const small = compact(model, state)
    // Unit 1 is relu(0.5) for every example: 0.25 + 0.5 · 2. Nothing takes unit 2.
    expect(numbers(small.state, 'b/bias')).toEqual([1.25])
    expect(numbers(small.state, 'b/kernel')).toEqual([1])
    expect(small.state['a/kernel']).toEqual(stored([2, 1], [1, 3]))
    expect(small.report).toEqual({
      parameters: { before: 13, after: 5 },
      layers: [
        { layer: 'a', units: { before: 3, after: 1 }, removed: [1, 2] },
        { layer: 'b', units: { before: 1, after: 1 }, removed: [] },
      ],
      folded: [{ bias: 'b/bias', sources: 1 }],
      addedBiases: [],
      kept: [],
    })
  })

  it.each([
    ['dense', { type: 'dense', units: 2, useBias: false }, [2]],
    ['gru', { type: 'gru', units: 2, useBias: false }, [2, 6]],
    ['gru, reset before', { type: 'gru', units: 2, resetAfter: false, useBias: false }, [6]],
    ['time-distributed', { type: 'time-distributed', layer: { type: 'dense', units: 2, useBias: false } }, [2]],
  ])('adds the bias that a %s layer lacks, and only then', (_, taker, shape) => {
    const model = modelOf(
      [4, 3],
      { type: 'dense', name: 'a', units: 3 },
      { ...taker, name: 'b' },
      { type: 'flatten' },
      { type: 'dense', units: 1 },
    )
    const state = randomWeights(model, 5)
    deafen(state, 'a', [1], 0.7)
    const small = compact(model, state)
    expect(small.report.addedBiases).toEqual(['b/bias'])
    expect(small.state['b/bias']?.shape).toEqual(shape)
    expectSameOutputs({ model, state }, small)
    deafen(state, 'a', [1], 0)
    expect(compact(model, state).report.addedBiases).toEqual([])
  })

  it('adds the biases of both directions', () => {
    const layer = { type: 'lstm', units: 2, useBias: false }
    const model = modelOf(
      [4, 3],
      { type: 'dense', name: 'a', units: 3 },
      { type: 'bidirectional', name: 'b', layer },
      { type: 'dense', units: 1 },
    )
    const state = randomWeights(model, 5)
    deafen(state, 'a', [1], 0.7)
    const small = compact(model, state)
    expect(small.report.addedBiases).toEqual(['b/forward-bias', 'b/backward-bias'])
    expectSameOutputs({ model, state }, small)
  })

  it('folds for the averages by their own constants, and keeps a unit that only the average needs', () => {
    const model = modelOf(
      [2],
      { type: 'dense', name: 'a', units: 3 },
      { type: 'dense', name: 'b', units: 1, useBias: false },
    )
    const averages = stateOf(model, { 'a/kernel': [1, 0, 2, 3, 0, 1], 'a/bias': [0, 3, 1], 'b/kernel': [1, 2, 1] })
    const state = {
      ...stateOf(model, { 'a/kernel': [1, 0, 0, 3, 0, 0], 'a/bias': [0, 0.5, 1], 'b/kernel': [1, 2, 1] }),
      ...Object.fromEntries(Object.entries(averages).map(([name, tensor]) => [`${name}/ema`, tensor])),
    }
    const small = compact(model, state)
    // Unit 2 is constant now, but its average still listens.
    expect(small.report.layers[0]?.removed).toEqual([1])
    expect(numbers(small.state, 'b/bias')).toEqual([1])
    expect(numbers(small.state, 'b/bias/ema')).toEqual([6])
  })
})

describe('kept units', () => {
  const conv = (name: string, fields = {}) => ({ type: 'conv2d', name, filters: 3, kernelSize: 3, ...fields })
  const end = [{ type: 'global-average-pooling' }, { type: 'dense', units: 1 }]

  it.each([
    [
      'a convolution that pads',
      [conv('b', { padding: 'same' })],
      "it emits 0.7, but 'b' pads its input with zeros, which are not that constant",
    ],
    [
      'a transposed convolution',
      [{ ...conv('b'), type: 'conv2d-transpose' }],
      "it emits 0.7, but 'b' spreads its input, so that positions get different shares of the constant",
    ],
    [
      'zero padding',
      [{ type: 'zero-padding2d', name: 'z' }, conv('b')],
      "it emits a constant, which does not stay one in 'z' (zero-padding2d)",
    ],
    [
      'a padded depthwise convolution',
      [{ type: 'depthwise-conv2d', name: 'w', kernelSize: 3, padding: 'same' }, conv('b')],
      "it emits a constant, which does not stay one in 'w' (depthwise-conv2d)",
    ],
    [
      'a sum with units that vary',
      [conv('c', { inputs: ['input'] }), { type: 'add', name: 's', inputs: ['a', 'c'] }],
      "it emits a constant, which does not stay one in 's' (add)",
    ],
  ])('are named with the reason: %s', (_, layers, reason) => {
    const model = modelOf([5, 5, 2], conv('a'), ...layers, ...end)
    const state = randomWeights(model, 5)
    deafen(state, 'a', [1], 0.7)
    const small = compact(model, state)
    expect(small.report.kept).toEqual([{ layer: 'a', units: [1], reason }])
    expectSameOutputs({ model, state }, small)
    // A constant of 0 goes through all of them but the sum.
    deafen(state, 'a', [1], 0)
    const without = compact(model, state)
    expect(without.report.layers[0]?.removed).toEqual(reason.includes('(add)') ? [] : [1])
    expectSameOutputs({ model, state }, without)
  })

  it('fold where padding never meets the input: windows of one, and strides that fit', () => {
    const model = modelOf(
      [4, 4, 2],
      { ...conv('a'), kernelSize: 1 },
      conv('b', { kernelSize: 2, strides: 2, padding: 'same' }),
      ...end,
    )
    const state = randomWeights(model, 5)
    deafen(state, 'a', [1], 0.7)
    const small = compact(model, state)
    expect(small.report.layers[0]?.removed).toEqual([1])
    expectSameOutputs({ model, state }, small)
  })

  it('are those of recurrent layers that begin with another state', () => {
    const model = modelOf([4, 2], { type: 'simple-rnn', name: 'a', units: 3 }, { type: 'dense', units: 1 })
    const state = randomWeights(model, 5)
    deafen(state, 'a', [1], 0.7)
    const recurrent = numbers(state, 'a/recurrent-kernel')
    state['a/recurrent-kernel'] = stored(
      [3, 3],
      recurrent.map((value, index) => (index % 3 === 1 ? 0 : value)),
    )
    expect(compact(model, state).report.kept).toEqual([
      {
        layer: 'a',
        units: [1],
        reason: "it emits 0.604368, but 'a' begins each sequence with 0 instead of the constant",
      },
    ])
    // What no other unit listens to can go into the bias of the next layer.
    state['a/recurrent-kernel'] = stored(
      [3, 3],
      recurrent.map((value, index) => (index % 3 === 1 || index / 3 === 1 || index === 5 ? 0 : value)),
    )
    const small = compact(model, state)
    expect(small.report.layers[0]?.removed).toEqual([1])
    expectSameOutputs({ model, state }, small)
  })

  it('include all units before a layer that is not supported', () => {
    const model = modelOf(
      [3],
      { type: 'dense', name: 'a', units: 2 },
      { type: 'layer-normalization', name: 'n' },
      { type: 'dense', units: 1 },
    )
    const { report } = compact(model, randomWeights(model, 1))
    expect(report.kept).toEqual([
      {
        layer: 'a',
        units: [0, 1],
        reason: "'n' takes mean and variance over all channels, so that each one counts for the others",
      },
    ])
  })

  it('include one of a layer of which nothing comes', () => {
    const model = modelOf(
      [3],
      { type: 'dense', name: 'a', units: 4, activation: 'relu' },
      { type: 'dense', name: 'b', units: 1 },
    )
    const state = randomWeights(model, 1)
    state['b/kernel'] = stored([4, 1], [0, 0, 0, 0])
    const small = compact(model, state)
    expect(small.report.layers[0]?.removed).toEqual([1, 2, 3])
    expect(small.report.kept).toEqual([{ layer: 'a', units: [0], reason: 'a layer keeps at least one unit' }])
    expectSameOutputs({ model, state }, small)
  })
})
