import { describe, expect, it } from 'vitest'
import { LayersModel } from '../../src/contracts/model.js'
import { parse } from '../../src/contracts/parse.js'
import { expandModel, type NamedModel } from '../../src/planning/presets.js'
import { analyzeUnits, type UnitLayer } from '../../src/planning/units/units.js'

function modelOf(inputShape: number[], ...layers: Record<string, unknown>[]): NamedModel {
  const parsed = parse(LayersModel, { kind: 'layers', inputShape, layers })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  return expandModel(parsed.value)
}

function layerOf(model: NamedModel, name: string): UnitLayer {
  const found = analyzeUnits(model).layers.find(({ layer }) => layer.name === name)
  if (!found) throw new Error(`there is no layer '${name}'`)
  return found
}

/** The units along an axis of a weight, counted from the first unit of the layer that makes them. */
function along(model: NamedModel, weight: string, axis: number, maker: string): number[] {
  const layer = layerOf(model, weight.slice(0, weight.indexOf('/')))
  const first = layerOf(model, maker).output[0] ?? 0
  return [...(layer.axes[weight]?.at(axis)?.units ?? [])].map((unit) => unit - first)
}

const conv = (name: string, filters: number, fields: Record<string, unknown> = {}) => ({
  type: 'conv2d',
  name,
  filters,
  kernelSize: 1,
  ...fields,
})

describe('analyzeUnits', () => {
  it('repeats a channel at every position that flatten puts in a row: index (h · W + w) · C + c', () => {
    const model = modelOf([2, 1, 1], conv('a', 3), { type: 'flatten' }, { type: 'dense', name: 'd', units: 2 })
    expect(along(model, 'd/kernel', 0, 'a')).toEqual([0, 1, 2, 0, 1, 2])
  })

  it('keeps branches apart through concatenate and flatten, where Torch-Pruning mixes them', () => {
    const model = modelOf(
      [2, 1, 1],
      conv('a', 2),
      conv('b', 1, { inputs: ['input'] }),
      { type: 'concatenate', inputs: ['b', 'a'] },
      { type: 'flatten' },
      { type: 'dense', name: 'd', units: 2 },
    )
    // Units of a: 0 and 1; the one of b is the next.
    expect(along(model, 'd/kernel', 0, 'a')).toEqual([2, 0, 1, 2, 0, 1])
  })

  it('couples what is added, through every sum and normalization on the way', () => {
    const model = modelOf(
      [4, 4, 2],
      conv('a', 3),
      { type: 'batch-normalization', name: 'n' },
      conv('b', 3),
      { type: 'add', name: 's', inputs: ['n', 'b'] },
      conv('c', 3),
      { type: 'multiply', inputs: ['s', 'c'] },
      { type: 'global-average-pooling' },
      { type: 'dense', units: 1 },
    )
    for (const name of ['a', 'b', 'c']) expect(along(model, `${name}/kernel`, -1, 'a')).toEqual([0, 1, 2])
    expect(along(model, 'n/moving-variance', 0, 'a')).toEqual([0, 1, 2])
  })

  it('ties every gate of a recurrent layer to its unit, and the recurrent kernel on both axes', () => {
    const model = modelOf([5, 3], { type: 'gru', name: 'g', units: 2 }, { type: 'dense', name: 'd', units: 1 })
    const gates = [0, 1, 0, 1, 0, 1]
    expect(along(model, 'g/kernel', 1, 'g')).toEqual(gates)
    expect(along(model, 'g/recurrent-kernel', 0, 'g')).toEqual([0, 1])
    expect(along(model, 'g/recurrent-kernel', 1, 'g')).toEqual(gates)
    // With resetAfter the bias is [2, gates · units].
    expect(layerOf(model, 'g').axes['g/bias']?.[0]).toBeNull()
    expect(along(model, 'g/bias', 1, 'g')).toEqual(gates)
    expect(along(model, 'd/kernel', 0, 'g')).toEqual([0, 1])
  })

  it('removes unit j of both directions together, for they have one number of units', () => {
    const layer = { type: 'lstm', units: 2 }
    const model = modelOf([5, 3], { type: 'bidirectional', name: 'b', layer }, { type: 'dense', name: 'd', units: 1 })
    expect(along(model, 'd/kernel', 0, 'b')).toEqual([0, 1, 0, 1])
    expect(along(model, 'b/backward-bias', 0, 'b')).toEqual([0, 1, 0, 1, 0, 1, 0, 1])
  })

  it('makes a depthwise output go with the input it is made of', () => {
    const model = modelOf(
      [4, 4, 2],
      conv('a', 2),
      { type: 'depthwise-conv2d', name: 'w', kernelSize: 2, depthMultiplier: 2 },
      conv('p', 3),
    )
    expect(along(model, 'w/depthwise-kernel', 2, 'a')).toEqual([0, 1])
    expect(along(model, 'w/bias', 0, 'a')).toEqual([0, 0, 1, 1])
    expect(along(model, 'p/kernel', 2, 'a')).toEqual([0, 0, 1, 1])
  })

  it('knows the axes of separable and of transposed convolutions', () => {
    const model = modelOf(
      [4, 4, 2],
      conv('a', 2),
      { type: 'separable-conv2d', name: 's', filters: 3, kernelSize: 2, depthMultiplier: 2 },
      { type: 'conv2d-transpose', name: 't', filters: 2, kernelSize: 2 },
      conv('p', 1),
    )
    expect(along(model, 's/depthwise-kernel', 2, 'a')).toEqual([0, 1])
    expect(along(model, 's/pointwise-kernel', 2, 'a')).toEqual([0, 0, 1, 1])
    expect(along(model, 's/pointwise-kernel', 3, 's')).toEqual([0, 1, 2])
    expect(along(model, 't/kernel', 3, 's')).toEqual([0, 1, 2])
    expect(along(model, 't/kernel', 2, 't')).toEqual([0, 1])
  })

  it('lets the groups of a convolution lose the same places', () => {
    const model = modelOf([4, 4, 2], conv('a', 4), conv('g', 6, { groups: 2 }), conv('p', 1))
    expect(along(model, 'g/kernel', 2, 'a')).toEqual([0, 1])
    expect(along(model, 'a/kernel', 3, 'a')).toEqual([0, 1, 0, 1])
    expect(along(model, 'p/kernel', 2, 'g')).toEqual([0, 1, 2, 0, 1, 2])
  })

  it('sees through time-distributed', () => {
    const inner = { type: 'conv1d', filters: 2, kernelSize: 2 }
    const model = modelOf(
      [3, 4, 2],
      { type: 'time-distributed', name: 't', layer: inner },
      { type: 'time-distributed', layer: { type: 'flatten' } },
      { type: 'lstm', name: 'l', units: 2 },
    )
    expect(along(model, 'l/kernel', 0, 't')).toEqual([0, 1, 0, 1, 0, 1])
  })

  const before = { type: 'dense', name: 'a', units: 4 }
  const after = { type: 'dense', units: 1 }
  it.each([
    ['layer normalization', [3], [{ type: 'layer-normalization', name: 'x' }], /'x' takes mean and variance/],
    ['softmax', [3], [{ type: 'softmax', name: 'x' }], /softmax 'x' takes all channels/],
    ['a softmax activation', [3], [{ type: 'activation', name: 'x', activation: 'softmax' }], /softmax 'x'/],
    ['masking', [2, 3], [{ type: 'masking', name: 'x' }], /'x' looks at all features/],
    ['a permutation', [2, 3], [{ type: 'permute', name: 'x', dims: [2, 1] }], /'x' moves its channels/],
    ['a reshape', [3], [{ type: 'reshape', name: 'x', targetShape: [2, 2] }], /'x' puts its channels on several axes/],
    ['a sum with the examples', [4], [{ type: 'add', inputs: ['a', 'input'] }], /feature of the examples/],
    ['the end of the model', [3], [], /output of the model/],
  ])('never removes units before %s, and says why', (_, inputShape, layers, reason) => {
    const model = modelOf(inputShape, before, ...layers, ...(layers.length > 0 ? [after] : []))
    const { pinned } = analyzeUnits(model)
    for (const unit of layerOf(model, 'a').output) expect(pinned.get(unit)).toMatch(reason)
  })

  it('never removes the units of a softmax within a layer', () => {
    const model = modelOf([3], { ...before, activation: 'softmax' }, after)
    const { pinned } = analyzeUnits(model)
    expect(pinned.get(layerOf(model, 'a').output[0] ?? 0)).toMatch(/softmax of 'a'/)
  })

  it('lets units go through what keeps channels last, and through a gate over channels', () => {
    const model = modelOf(
      [4, 6, 2],
      conv('a', 3),
      { type: 'permute', dims: [2, 1, 3] },
      { type: 'reshape', targetShape: [-1, 3] },
      { type: 'reshape', name: 'r', targetShape: [6, 4, 3] },
      { type: 'global-average-pooling' },
      { type: 'dense', name: 'gate', units: 3 },
      { type: 'reshape', targetShape: [1, 1, 3] },
      { type: 'multiply', name: 'm', inputs: ['r', 'reshape-3'] },
      { type: 'softmax', axis: 1 },
      conv('p', 1),
    )
    const { pinned } = analyzeUnits(model)
    expect([...layerOf(model, 'a').output].filter((unit) => pinned.has(unit))).toEqual([])
    expect(along(model, 'p/kernel', 2, 'a')).toEqual([0, 1, 2])
    expect(along(model, 'gate/kernel', 1, 'a')).toEqual([0, 1, 2])
  })

  it('keeps a single channel that is spread over others', () => {
    const model = modelOf(
      [2, 2, 3],
      conv('a', 1),
      conv('b', 3, { inputs: ['input'] }),
      { type: 'multiply', name: 'm', inputs: ['b', 'a'] },
      conv('p', 1),
    )
    const { pinned } = analyzeUnits(model)
    expect(pinned.get(layerOf(model, 'a').output[0] ?? 0)).toMatch(/'m' spreads its one channel/)
    expect([...layerOf(model, 'b').output].filter((unit) => pinned.has(unit))).toEqual([])
  })
})
