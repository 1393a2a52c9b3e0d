import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expandModel, type NamedModel } from '../../src/planning/presets.js'
import { selectedGroups } from '../../src/planning/prunable-groups.js'
import { describeLayers } from '../../src/planning/shapes.js'
import { unitGroups } from '../../src/planning/units/groups.js'
import { analyzeUnits } from '../../src/planning/units/units.js'
import { graphs } from '../ml/pruning/compaction/graphs.js'

const groupsOf = (model: NamedModel) => unitGroups(analyzeUnits(model))
const UNITS = { kind: 'unit', pooling: 'l2', coupled: false, roundTo: 1 } as const
const preset = (name: 'lenet-5' | 'resnet-8') => expandModel({ kind: 'preset', name })

describe('unitGroups', () => {
  it('gives each layer of lenet-5 a group of its own, the last of which is pinned', () => {
    const groups = groupsOf(preset('lenet-5'))
    expect(groups.map(({ layers }) => layers)).toEqual([['conv2d-1'], ['conv2d-2'], ['dense-1'], ['output']])
    expect(groups.map(({ units }) => units.length)).toEqual([20, 50, 500, 10])
    expect(groups.map(({ units }) => units.filter(({ pinned }) => pinned !== null).length)).toEqual([0, 0, 0, 10])
    // The second convolution gives 4 × 4 positions, which flatten puts in a row.
    expect(groups[1]?.units[7]).toEqual({
      unit: expect.any(Number),
      pinned: null,
      output: [
        { weight: 'conv2d-2/kernel', axis: 3, indexes: [7] },
        { weight: 'conv2d-2/bias', axis: 0, indexes: [7] },
      ],
      input: [
        { weight: 'dense-1/kernel', axis: 0, indexes: Array.from({ length: 16 }, (_, position) => 50 * position + 7) },
      ],
    })
  })

  it('puts the layers of a residual stage together, with their normalization', () => {
    const groups = groupsOf(preset('resnet-8'))
    const stage = groups.find(({ layers }) => layers.includes('stage2-block1-b-conv'))
    expect(stage?.layers).toEqual(['stage2-block1-b-conv', 'stage2-block1-shortcut-conv'])
    expect(stage?.units).toHaveLength(32)
    expect(stage?.units[0]?.output.map(({ weight }) => weight)).toEqual([
      'stage2-block1-b-conv/kernel',
      'stage2-block1-b-norm/gamma',
      'stage2-block1-b-norm/beta',
      'stage2-block1-shortcut-conv/kernel',
      'stage2-block1-shortcut-norm/gamma',
      'stage2-block1-shortcut-norm/beta',
    ])
  })

  it.each([
    ['is left out', { exclude: ['stage2-block1-shortcut-conv'] }],
    ['is not named', { include: ['stage1-*', 'stage2-block1-b-conv', 'dense*', 'output'] }],
  ])('selects a group only whole, not where one of its layers %s', (_, changes) => {
    const model = preset('resnet-8')
    const selected = (how: object) =>
      selectedGroups(
        { granularity: UNITS, include: ['*'], exclude: [], ...how },
        describeLayers(model),
        groupsOf(model),
      ).flatMap(({ layers }) => layers)
    expect(selected({})).toEqual(expect.arrayContaining(['stage2-block1-b-conv', 'stage2-block1-shortcut-conv']))
    expect(selected(changes)).not.toContain('stage2-block1-b-conv')
    expect(selected(changes)).toContain('stage1-block1-a-conv')
  })

  it('has every index of a trained weight that is tied to a unit of a layer exactly once', () => {
    fc.assert(
      fc.property(graphs(), ({ model }) => {
        const { layers } = analyzeUnits(model)
        const made = new Set(layers.flatMap(({ makesUnits, output }) => (makesUnits ? [...output] : [])))
        const expected = layers.flatMap(({ axes, weights }) =>
          Object.entries(axes).flatMap(([weight, tied]) =>
            tied.flatMap((axis, place) =>
              [...(weights[weight]?.trainable ? (axis?.units ?? []) : [])].flatMap((unit, index) =>
                made.has(unit) ? [`${axis?.side} ${weight} ${place} ${index}`] : [],
              ),
            ),
          ),
        )
        const found = groupsOf(model).flatMap(({ units }) =>
          units.flatMap((unit) =>
            (['output', 'input'] as const).flatMap((side) =>
              unit[side].flatMap(({ weight, axis, indexes }) =>
                indexes.map((index) => `${side} ${weight} ${axis} ${index}`),
              ),
            ),
          ),
        )
        expect(found.toSorted()).toEqual(expected.toSorted())
      }),
      { numRuns: 50 },
    )
  })
})

describe('axes of weights', () => {
  it('have a unit for every index, or for none', () => {
    fc.assert(
      fc.property(graphs(), ({ model }) => {
        for (const { axes, weights } of analyzeUnits(model).layers)
          for (const [name, { shape }] of Object.entries(weights)) {
            const tied = axes[name] ?? []
            expect(tied).toHaveLength(shape.length)
            expect(tied.map((axis, place) => axis?.units.length ?? shape[place])).toEqual([...shape])
          }
      }),
      { numRuns: 50 },
    )
  })
})
