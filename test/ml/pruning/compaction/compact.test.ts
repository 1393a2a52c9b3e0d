import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LayersModel } from '../../../../src/contracts/model.js'
import { parse } from '../../../../src/contracts/parse.js'
import { compact, removeUnits } from '../../../../src/ml/pruning/compaction/compact.js'
import { expandModel } from '../../../../src/planning/presets.js'
import { unitGroups } from '../../../../src/planning/units/groups.js'
import { analyzeUnits } from '../../../../src/planning/units/units.js'
import { type Graph, graphs } from './graphs.js'
import { difference, type Masking, masked, modelOf, outputsOf, randomWeights, stateOf, zeroed } from './networks.js'

const maskings = (): fc.Arbitrary<Masking> =>
  fc.record({
    seed: fc.nat(1e6),
    kernels: fc.constantFrom(0, 0, 0.3, 0.6, 0.9),
    vectors: fc.constantFrom(0, 0.1, 0.3),
    silenced: fc.constantFrom(0, 0.2, 0.5),
    unheard: fc.constantFrom(0, 0.1, 0.3),
  })

function networkOf({ model }: Graph, masking: Masking) {
  return { model, state: masked(model, randomWeights(model, masking.seed), masking) }
}

describe('compact', () => {
  it('gives a network with the outputs of the masked one', () => {
    fc.assert(
      fc.property(graphs(), maskings(), (graph, masking) => {
        const network = networkOf(graph, masking)
        const small = compact(network.model, network.state)
        expect(difference(outputsOf(network, graph.isIds), outputsOf(small, graph.isIds))).toBeLessThanOrEqual(1e-5)
      }),
      { numRuns: 150 },
    )
  })

  it('gives a model that the contract takes, with no more numbers than before but for added biases', () => {
    fc.assert(
      fc.property(graphs(), maskings(), (graph, masking) => {
        const { model, state } = networkOf(graph, masking)
        const small = compact(model, state)
        expect(parse(LayersModel, small.model)).toMatchObject({ ok: true })
        expect(expandModel(small.model).layers).toEqual(small.model.layers)
        const added = new Set(small.report.addedBiases)
        for (const [name, { values }] of Object.entries(small.state))
          if (!added.has(name)) expect(values.length).toBeLessThanOrEqual(state[name]?.values.length ?? 0)
        for (const { layer, units, removed } of small.report.layers) {
          expect(units.after, layer).toBe(units.before - removed.length)
          expect(units.after, layer).toBeGreaterThan(0)
        }
      }),
      { numRuns: 100 },
    )
  })

  it('changes nothing when done again', () => {
    fc.assert(
      fc.property(graphs(), maskings(), (graph, masking) => {
        const { model, state } = networkOf(graph, masking)
        const once = compact(model, state)
        const twice = compact(once.model, once.state)
        expect(twice.model).toEqual(once.model)
        expect(twice.state).toEqual(once.state)
        expect(twice.report.folded).toEqual([])
      }),
      { numRuns: 100 },
    )
  })

  it('leaves a network alone that has no zeros', () => {
    const model = expandModel({ kind: 'preset', name: 'resnet-8' })
    const state = randomWeights(model, 1)
    const same = compact(model, state)
    expect(same.state).toEqual(state)
    expect(same.model.layers).toEqual(model.layers)
    expect(same.report).toMatchObject({ parameters: { before: 78_042, after: 78_042 }, folded: [], kept: [] })
  })

  it('goes on from unit to unit: what only feeds a removed unit goes too, and so does what only gets from one', () => {
    const dense = { type: 'dense', units: 2, activation: 'relu' }
    const model = modelOf([2], dense, dense, dense, { type: 'dense', units: 1 })
    const weights = {
      'dense-1/kernel': [1, 2, 3, 4],
      'dense-1/bias': [0, 0],
      // Unit 0 only feeds unit 0, which only feeds unit 0, of which nothing takes anything.
      'dense-2/kernel': [1, 0, 0, 1],
      'dense-2/bias': [0, 0],
      'dense-3/kernel': [1, 0, 0, 1],
      'dense-3/bias': [0, 0],
      'dense-4/kernel': [0, 1],
      'dense-4/bias': [0],
    }
    const { state, report } = compact(model, stateOf(model, weights))
    expect(report.layers.map(({ removed }) => removed)).toEqual([[0], [0], [0], []])
    expect(state['dense-1/kernel']).toEqual({ type: 'float32', shape: [2, 1], values: Float32Array.of(2, 4) })
  })

  it.each(['lenet-5', 'resnet-8', 'vgg-small', 'lstm-classifier', 'text-cnn'] as const)(
    'removes from %s exactly the units that are masked',
    (name) => {
      const model = expandModel({ kind: 'preset', name })
      const chosen = unitGroups(analyzeUnits(model)).flatMap(({ units }) =>
        units.filter(({ pinned }, index) => pinned === null && index % 2 === 1),
      )
      const state = zeroed(
        randomWeights(model, 3),
        chosen.flatMap(({ output }) => output),
      )
      const small = compact(model, state)
      const expected = small.report.layers.map(({ units: { before } }, index) =>
        index === small.report.layers.length - 1 ? before : Math.ceil(before / 2),
      )
      expect(small.report.layers.map(({ units: { after } }) => after)).toEqual(expected)
      expect(small.report.kept).toEqual([])
      const isIds = name === 'text-cnn'
      expect(difference(outputsOf({ model, state }, isIds), outputsOf(small, isIds))).toBeLessThanOrEqual(1e-5)
    },
  )

  it('says which weight is missing', () => {
    const model = modelOf([2], { type: 'dense', units: 1 })
    expect(() => compact(model, {})).toThrow("'dense-1/kernel'")
  })
})

describe('removeUnits', () => {
  it('gives the outputs of the network in which nothing takes those units', () => {
    fc.assert(
      fc.property(graphs(), fc.nat(1e6), ({ model, isIds }, seed) => {
        // The weights of a product are the numbers that it takes.
        fc.pre(model.layers.every(({ type }) => type !== 'dot'))
        const units = analyzeUnits(model)
        const chosen = Object.fromEntries(
          units.layers
            .filter(({ makesUnits }) => makesUnits)
            .map(({ layer }, index) => [layer.name, [(seed + index) % 2]]),
        )
        const weights = randomWeights(model, seed)
        const small = removeUnits(model, weights, chosen)
        const gone = new Set(
          small.report.layers.flatMap(({ layer, removed }) => {
            const output = units.layers.find((entry) => entry.layer.name === layer)?.output
            return removed.map((index) => output?.[index])
          }),
        )
        const taking = unitGroups(units).flatMap((group) =>
          group.units.flatMap(({ unit, input }) => (gone.has(unit) ? input : [])),
        )
        const state = zeroed(weights, taking)
        expect(difference(outputsOf({ model, state }, isIds), outputsOf(small, isIds))).toBeLessThanOrEqual(1e-5)
      }),
      { numRuns: 100 },
    )
  })

  const model = modelOf(
    [3],
    { type: 'dense', units: 4 },
    { type: 'layer-normalization' },
    { type: 'dense', units: 2 },
    { type: 'dense', units: 1 },
  )
  const state = randomWeights(model, 1)

  it('keeps units of a layer that is not supported, and one of each layer, and names them', () => {
    const { report } = removeUnits(model, state, { 'dense-1': [0, 2], 'dense-2': [0, 1] })
    expect(report.layers.map(({ removed }) => removed)).toEqual([[], [1], []])
    expect(report.kept).toEqual([
      {
        layer: 'dense-1',
        units: [0, 2],
        reason: expect.stringContaining("'layer-normalization-1' takes mean and variance"),
      },
      { layer: 'dense-2', units: [0], reason: 'a layer keeps at least one unit' },
    ])
  })

  it('names a layer or a unit that is not there', () => {
    expect(() => removeUnits(model, state, { nothing: [0] })).toThrow(
      "no layer is called 'nothing'; there are dense-1, ",
    )
    expect(() => removeUnits(model, state, { 'dense-1': [4] })).toThrow("'dense-1' has units 0 … 3, not 4")
  })
})
