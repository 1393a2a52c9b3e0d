import { describe, expect, it } from 'vitest'
import { fromKeras } from '../../src/planning/keras/from-keras.js'
import { caught } from './fixtures.js'

type Json = Record<string, unknown>

const INPUT = { class_name: 'InputLayer', config: { batch_shape: [null, 4], name: 'in' } }
const dense = (fields: Json = {}): Json => ({ class_name: 'Dense', config: { name: 'd', units: 3, ...fields } })
const sequential = (...layers: Json[]): Json => ({ class_name: 'Sequential', config: { layers: [INPUT, ...layers] } })
const node = (name: string, layer: Json, ...inputs: string[]): Json => ({
  ...layer,
  name,
  inbound_nodes: [inputs.map((input) => [input, 0, 0, {}])],
})
const add = { class_name: 'Add', config: {} }
const functional = (layers: Json[], fields: Json = {}): Json => ({
  class_name: 'Functional',
  config: {
    layers: [{ ...INPUT, name: 'in', inbound_nodes: [] }, ...layers],
    input_layers: [['in', 0, 0]],
    output_layers: [['out', 0, 0]],
    ...fields,
  },
})
const out = (...inputs: string[]) => node('out', dense(), ...inputs)
const images = (layer: Json): Json => ({
  class_name: 'Sequential',
  config: { layers: [{ class_name: 'InputLayer', config: { batch_shape: [null, 8, 8, 3] } }, layer] },
})
const ON_LAYER = '/model/topology/config/layers/1'

describe('a topology is refused', () => {
  it.each<[string, Json, string, RegExp]>([
    ['for a Lambda', sequential({ class_name: 'Lambda', config: {} }), `${ON_LAYER}/class_name`, /never run/],
    [
      'for a class it does not know',
      sequential({ class_name: 'Foo', config: {} }),
      `${ON_LAYER}/class_name`,
      /there are: Dense/,
    ],
    [
      'for a name of Object',
      sequential({ class_name: 'toString', config: {} }),
      `${ON_LAYER}/class_name`,
      /not supported/,
    ],
    [
      'for a class of its own',
      sequential({ ...dense(), registered_name: 'mine>Dense' }),
      `${ON_LAYER}/registered_name`,
      /your own/,
    ],
    ['for a module of its own', sequential({ ...dense(), module: 'os' }), `${ON_LAYER}/module`, /not part of Keras/],
    ['for a model in a model', sequential(sequential(dense())), `${ON_LAYER}/class_name`, /within a model/],
    ['for another class at the top', { class_name: 'Dense', config: {} }, '/model/topology/class_name', /to_json/],
    ['for no class', {}, '/model/topology/class_name', /required/],
    [
      'for a penalty',
      sequential(dense({ kernel_regularizer: { class_name: 'L2' } })),
      `${ON_LAYER}/config/kernel_regularizer`,
      /l2/,
    ],
    ['for an unknown key', sequential(dense({ toString: 1 })), `${ON_LAYER}/config/toString`, /not supported/],
    ['for a frozen layer', sequential(dense({ trainable: false })), `${ON_LAYER}/config/trainable`, /frozen/],
    ['for half precision', sequential(dense({ dtype: 'float16' })), `${ON_LAYER}/config/dtype`, /float32/],
    [
      'for an unknown activation',
      sequential(dense({ activation: 'constructor' })),
      `${ON_LAYER}/config/activation`,
      /there are: linear/,
    ],
    [
      'for hard_sigmoid of Keras 2',
      sequential(dense({ activation: 'hard_sigmoid' })),
      `${ON_LAYER}/config/activation`,
      /Keras 2/,
    ],
    [
      'for an unknown initializer',
      sequential(dense({ kernel_initializer: 'mine' })),
      `${ON_LAYER}/config/kernel_initializer`,
      /GlorotUniform/,
    ],
    [
      'for a bias that begins at 1',
      sequential(dense({ bias_initializer: 'ones' })),
      `${ON_LAYER}/config/bias_initializer`,
      /Zeros/,
    ],
    ['for units out of range', sequential(dense({ units: 0 })), `${ON_LAYER}/config/units`, /units/],
    [
      'for units that are missing',
      sequential({ class_name: 'Dense', config: {} }),
      `${ON_LAYER}/config`,
      /units is required/,
    ],
    [
      'for channels first',
      images({ class_name: 'Conv2D', config: { filters: 2, kernel_size: [3, 3], data_format: 'channels_first' } }),
      `${ON_LAYER}/config/data_format`,
      /channels_last/,
    ],
    [
      'for a normalization of rows',
      images({ class_name: 'BatchNormalization', config: { axis: [1] } }),
      `${ON_LAYER}/config/axis`,
      /last axis is supported, which is 3/,
    ],
    [
      'for a state that is kept',
      sequential({ class_name: 'LSTM', config: { units: 2, stateful: true } }),
      `${ON_LAYER}/config/stateful`,
      /false/,
    ],
    [
      'for a backward layer that differs',
      sequential({
        class_name: 'Bidirectional',
        config: {
          layer: { class_name: 'LSTM', config: { units: 2 } },
          backward_layer: { class_name: 'LSTM', config: { units: 3, go_backwards: true } },
        },
      }),
      `${ON_LAYER}/config/backward_layer`,
      /other way round/,
    ],
    [
      'for a mask that a layer would read',
      sequential({ class_name: 'Masking', config: {} }, { class_name: 'LSTM', config: { units: 2 } }),
      ON_LAYER,
      /skip masked steps/,
    ],
    [
      'for layers that do not connect',
      sequential({ class_name: 'LSTM', config: { name: 'l', units: 2 } }),
      ON_LAYER,
      /'l': lstm takes \[time, features\]/,
    ],
    [
      'for no shape',
      { class_name: 'Sequential', config: { layers: [dense()] } },
      '/model/topology/config/layers/0/config',
      /batch_shape/,
    ],
    [
      'for an open length',
      { class_name: 'Sequential', config: { layers: [dense({ batch_input_shape: [null, null, 2] })] } },
      '/model/topology/config/layers/0/config',
      /fixed number/,
    ],
    [
      'for an extent of 0',
      { class_name: 'Sequential', config: { layers: [dense({ batch_input_shape: [null, 0] })] } },
      '/model/topology/config/layers/0/config',
      /each at least 1/,
    ],
    [
      'for more axes than layers take',
      { class_name: 'Sequential', config: { layers: [dense({ batch_input_shape: [null, 1, 1, 1, 1, 4] })] } },
      '/model/topology/config/layers/0/config',
      /1 to 4 extents/,
    ],
    ['for an input that nothing follows', sequential(), '/model/topology/config/layers/0', /no layer follows/],
    [
      'for two inputs',
      functional([{ ...INPUT, name: 'in2' }, out('in')]),
      '/model/topology/config/input_layers',
      /2 inputs/,
    ],
    [
      'for two outputs',
      functional([out('in')], {
        output_layers: [
          ['out', 0, 0],
          ['in', 0, 0],
        ],
      }),
      '/model/topology/config/output_layers',
      /2 outputs/,
    ],
    [
      'for a layer that is called twice',
      functional([{ ...out('in'), inbound_nodes: [[['in', 0, 0, {}]], [['in', 0, 0, {}]]] }]),
      `${ON_LAYER}/inbound_nodes`,
      /shared layers/,
    ],
    [
      'for a second output of a layer',
      functional([{ ...out('in'), inbound_nodes: [[['in', 0, 1, {}]]] }]),
      `${ON_LAYER}/inbound_nodes/0/0`,
      /first output/,
    ],
    [
      'for an argument of a call',
      functional([{ ...out('in'), inbound_nodes: [[['in', 0, 0, { training: true }]]] }]),
      `${ON_LAYER}/inbound_nodes/0/0/3/training`,
      /training=true.*leave it out/,
    ],
    [
      'for statistics that are frozen',
      functional([
        {
          class_name: 'BatchNormalization',
          config: {},
          name: 'out',
          inbound_nodes: [[['in', 0, 0, { training: false }]]],
        },
      ]),
      `${ON_LAYER}/inbound_nodes/0/0/3/training`,
      /training=false.*leave it out/,
    ],
    [
      'for an input that is not there',
      functional([out('nobody')]),
      `${ON_LAYER}/inbound_nodes`,
      /no layer of that name/,
    ],
    [
      'for a circle',
      functional([node('a', add, 'in', 'b'), node('b', dense(), 'a'), out('b')]),
      `${ON_LAYER}/inbound_nodes`,
      /circle/,
    ],
    ['for a layer that leads nowhere', functional([node('a', dense(), 'in'), out('in')]), ON_LAYER, /leads nowhere/],
    [
      'for a name used twice',
      functional([node('out', dense(), 'in'), out('in')]),
      '/model/topology/config/layers/2/name',
      /already/,
    ],
  ])('%s', (what, topology, pointer, detail) => {
    const error = caught(() => fromKeras(topology))
    expect(error.code).toBe(what === 'for units out of range' ? 'SPEC_OUT_OF_RANGE' : 'SPEC_INVALID')
    expect(error.errors[0]?.pointer).toBe(pointer)
    expect(error.errors[0]?.detail).toMatch(detail)
  })

  it.each(['__proto__', 'constructor', 'prototype'])('for the key %s', (key) => {
    // JSON.parse makes an own member of it, which an object literal would not.
    const topology = JSON.parse(`{"class_name":"Sequential","config":{"layers":[],"${key}":{}}}`)
    expect(caught(() => fromKeras(topology)).errors[0]?.pointer).toBe(`/model/topology/config/${key}`)
  })

  it('for depth and for size, before anything else is read', () => {
    let deep: Json = {}
    for (let depth = 0; depth < 10_000; depth++) deep = { deep }
    expect(caught(() => fromKeras(deep)).message).toMatch(/32 levels/)
    expect(caught(() => fromKeras({ many: Array(100_001).fill(0) })).message).toMatch(/100000 values/)
    const layers = Array.from({ length: 502 }, () => dense())
    expect(caught(() => fromKeras(sequential(...layers))).message).toMatch(/at most 500/)
  })

  it('with all the layers that are at fault', () => {
    const error = caught(() => fromKeras(sequential(dense({ trainable: false }), { class_name: 'Foo', config: {} })))
    expect(error.errors.map(({ pointer }) => pointer)).toEqual([
      `${ON_LAYER}/config/trainable`,
      '/model/topology/config/layers/2/class_name',
    ])
  })
})
