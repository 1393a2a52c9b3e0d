import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { fromKeras } from '../../src/planning/keras/from-keras.js'
import { layerOf } from '../../src/planning/keras/layer.js'
import { makeNaming } from '../../src/planning/keras/names.js'
import { expandModel } from '../../src/planning/presets.js'
import { describeLayers } from '../../src/planning/shapes.js'

type Json = Record<string, unknown>

interface Fixture {
  readonly parameters: number
  readonly trainable: number
  /** Name and shape, in the order of `model.weights`. */
  readonly weights: [string, number[]][]
  readonly topology: Json & { config: Json & { layers: (Json & { config: Json })[] } }
}

function load<T = Fixture>(name: string): T {
  // What the generator of the fixtures wrote.
  return JSON.parse(readFileSync(new URL(`./keras/${name}.json`, import.meta.url), 'utf8')) as T
}

const MODELS = [
  'lenet',
  'resnet',
  'embedding-lstm',
  'bidirectional-gru',
  'functional-noise',
  'keras-2-sequential',
  'keras-2-functional',
] as const

describe.each(MODELS)('%s', (name) => {
  const fixture = load(name)
  const model = expandModel({ kind: 'keras', topology: fixture.topology })

  it('has the weights that Keras counts, shape by shape', () => {
    const described = describeLayers(model)
    const placeOf = (index: number) => Number(model.pointers[index]?.split('/').at(-1))
    const inKerasOrder = described
      .map((layer, index) => ({ place: placeOf(index), layer }))
      .sort((one, other) => one.place - other.place)
    const shapes = inKerasOrder.flatMap(({ layer }) => Object.values(layer.weights).map(({ shape }) => [...shape]))
    expect(shapes).toEqual(fixture.weights.map(([, shape]) => shape))
    expect(described.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(fixture.trainable)
  })
})

it.each(MODELS.filter((name) => load(name).topology.class_name === 'Functional'))(
  '%s comes out the same if its layers are listed backwards',
  (name) => {
    const { topology } = load(name)
    const { config } = topology
    const reversed = { ...topology, config: { ...config, layers: [...config.layers].reverse() } }
    const wiring = (given: Json) =>
      Object.fromEntries(
        describeLayers(expandModel({ kind: 'keras', topology: given })).map(({ name, inputs, outputShape }) => [
          name,
          { inputs, outputShape },
        ]),
      )
    expect(wiring(reversed)).toEqual(wiring(topology))
  },
)

describe('fromKeras', () => {
  it('takes over values, names and inputs', () => {
    const { inputShape, layers, pointers } = fromKeras(load('keras-2-functional').topology)
    expect(inputShape).toEqual([8, 8, 3])
    expect(layers.map(({ name, inputs }) => [name, inputs])).toEqual([
      ['block-conv-1', undefined],
      ['block-bn-1', undefined],
      ['block-add', ['block-bn-1', 'input']],
      ['block-out', undefined],
      ['pool', undefined],
      ['predictions', undefined],
    ])
    expect(layers[0]).toMatchObject({ type: 'conv2d', kernelSize: [3, 3], padding: 'same', useBias: false })
    expect(pointers[0]).toBe('/model/topology/config/layers/1')
  })

  it('maps the numbers of the ResNet', () => {
    const { layers } = fromKeras(load('resnet').topology)
    expect(layers.find(({ type }) => type === 'leaky-relu')).toMatchObject({ negativeSlope: 0.1 })
    expect(layers.filter((layer) => layer.type === 'batch-normalization' && layer.momentum === 0.9)).toHaveLength(2)
    expect(layers[0]).toMatchObject({ kernelInitializer: 'he-normal' })
  })

  it('takes calls with training=False and an open mask, as Keras 3 writes the defaults of noise and recurrent layers', () => {
    const { layers } = load('functional-noise').topology.config
    const called = layers.flatMap(({ inbound_nodes: nodes }) => nodes as { kwargs: Json }[]).map(({ kwargs }) => kwargs)
    expect(called).toContainEqual({ training: false })
    expect(called).toContainEqual({ training: false, mask: null })
    const types = fromKeras(load('functional-noise').topology).layers.map(({ type }) => type)
    expect(types).toEqual(
      expect.arrayContaining(['dropout', 'gaussian-noise', 'spatial-dropout', 'lstm', 'simple-rnn']),
    )
  })

  it('maps activations, the merge mode and what is wrapped', () => {
    const dense = fromKeras(load('lenet').topology).layers.flatMap((layer) => (layer.type === 'dense' ? [layer] : []))
    expect(dense.map(({ activation }) => activation)).toEqual(['relu', 'silu', 'softmax'])
    const both = fromKeras(load('bidirectional-gru').topology).layers.filter(({ type }) => type === 'bidirectional')
    expect(both).toMatchObject([
      { mergeMode: 'concat', layer: { type: 'gru', units: 7, returnSequences: true, resetAfter: true } },
      { mergeMode: 'average', layer: { type: 'gru', units: 3, returnSequences: false, resetAfter: false } },
    ])
  })

  it.each(Object.entries(load<Record<string, Json>>('classes')))('takes %s as Keras writes it', (_, layer) => {
    const taken = layerOf(layer, { pointer: '/model/topology/config/layers/0', dialect: 3 })
    expect(typeof taken.type).toBe('string')
  })
})

describe('names', () => {
  it('are made to fit the pattern, each its own, and never that of the examples', () => {
    const naming = makeNaming()
    const names = [
      'block/conv:1',
      'block_conv_1',
      'block.conv.1',
      '_',
      '',
      'input',
      'ä',
      'x'.repeat(80),
      `${'x'.repeat(80)}y`,
    ].map(naming)
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/)
    expect(new Set(names).size).toBe(names.length)
    expect(names).not.toContain('input')
    expect(names.slice(0, 3)).toEqual(['block-conv-1', 'block_conv_1', 'block-conv-1-2'])
  })
})
