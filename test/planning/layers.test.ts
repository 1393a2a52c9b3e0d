import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { LayersModel } from '../../src/contracts/model.js'
import { parse } from '../../src/contracts/parse.js'
import { problem } from '../../src/errors.js'
import { layerOf } from '../../src/planning/keras/layer.js'
import { connect } from '../../src/planning/layers/registry.js'
import type { Shape } from '../../src/planning/shape.js'
import { caught } from './fixtures.js'

function connected(json: Record<string, unknown>, ...inputs: [Shape, ...Shape[]]) {
  const merging = inputs.length > 1 ? { inputs: inputs.map(() => 'input') } : {}
  const parsed = parse(LayersModel, { kind: 'layers', inputShape: [1], layers: [{ name: 'x', ...merging, ...json }] })
  const layer = parsed.ok ? parsed.value.layers[0] : undefined
  if (!layer) throw new Error(JSON.stringify(parsed))
  return connect({ ...layer, name: 'x' }, inputs, (detail) => problem('SPEC_INVALID', detail))
}

interface ReferenceCase {
  readonly name: string
  readonly input: { inputs: { shape: number[] }[]; weights: { shape: number[]; trainable: boolean }[] }
  readonly params: Record<string, unknown>
  readonly expected: { output: { shape: number[] } }
}

describe('shapes agree with Keras', () => {
  const file = readFileSync(new URL('../reference/layers.json', import.meta.url), 'utf8')
  // The format is described in the README beside the file.
  const { cases } = JSON.parse(file) as { cases: ReferenceCase[] }

  it.each(cases.map((reference) => [reference.name, reference] as const))('%s', (_, { input, params, expected }) => {
    const [first = [], ...others] = input.inputs.map(({ shape }) => shape.slice(1))
    const layer = layerOf(params, { pointer: '', dialect: 3 })
    const { outputShape, weights } = connected(layer, first, ...others)
    expect(outputShape).toEqual(expected.output.shape.slice(1))
    expect(Object.values(weights).map(({ shape, trainable }) => ({ shape, trainable }))).toEqual(
      input.weights.map(({ shape, trainable }) => ({ shape, trainable })),
    )
  })
})

describe('weights', () => {
  it.each<[Record<string, unknown>, Shape, string[]]>([
    [{ type: 'dense', units: 2 }, [3], ['kernel', 'bias']],
    [
      { type: 'separable-conv2d', filters: 2, kernelSize: 1 },
      [4, 4, 2],
      ['depthwise-kernel', 'pointwise-kernel', 'bias'],
    ],
    [{ type: 'batch-normalization' }, [3], ['gamma', 'beta', 'moving-mean', 'moving-variance']],
    [{ type: 'layer-normalization', scale: false }, [3], ['beta']],
    [{ type: 'embedding', inputSize: 5, outputSize: 2 }, [3], ['embeddings']],
    [{ type: 'prelu' }, [3], ['alpha']],
    [{ type: 'gru', units: 2 }, [3, 1], ['kernel', 'recurrent-kernel', 'bias']],
    [
      { type: 'bidirectional', layer: { type: 'simple-rnn', units: 2, useBias: false } },
      [3, 1],
      ['forward-kernel', 'forward-recurrent-kernel', 'backward-kernel', 'backward-recurrent-kernel'],
    ],
    [{ type: 'time-distributed', layer: { type: 'dense', units: 2 } }, [3, 1], ['kernel', 'bias']],
  ])('of %j on %j', (layer, input, names) => {
    expect(Object.keys(connected(layer, input).weights)).toEqual(names)
  })

  it('let an LSTM remember at first, unless it shall not', () => {
    const bias = (fields: Record<string, unknown>) =>
      connected({ type: 'lstm', units: 2, ...fields }, [3, 1]).weights.bias
    expect(bias({})).toEqual({ shape: [8], initializer: { kind: 'blocks', values: [0, 1, 0, 0] }, trainable: true })
    expect(bias({ unitForgetBias: false })?.initializer).toBe('zeros')
  })

  it('have a second bias in a GRU that resets after the product', () => {
    const bias = (resetAfter: boolean) => connected({ type: 'gru', units: 2, resetAfter }, [3, 1]).weights.bias?.shape
    expect([bias(true), bias(false)]).toEqual([[2, 6], [6]])
  })
})

describe('shapes that the reference does not have', () => {
  it.each<[Record<string, unknown>, Shape[], Shape]>([
    [{ type: 'conv1d', filters: 4, kernelSize: 3, groups: 2 }, [[9, 6]], [7, 4]],
    [{ type: 'conv2d-transpose', filters: 1, kernelSize: 2, strides: 3 }, [[4, 4, 2]], [12, 12, 1]],
    [{ type: 'global-max-pooling' }, [[4, 4, 2]], [2]],
    [{ type: 'reshape', targetShape: [-1, 2] }, [[4, 3]], [6, 2]],
    [
      { type: 'multiply' },
      [
        [4, 4, 2],
        [1, 1, 2],
      ],
      [4, 4, 2],
    ],
    [
      { type: 'concatenate', axis: 1 },
      [
        [4, 2],
        [3, 2],
      ],
      [7, 2],
    ],
    [
      {
        type: 'cropping2d',
        cropping: [
          [1, 0],
          [0, 2],
        ],
      },
      [[4, 4, 1]],
      [3, 2, 1],
    ],
    [{ type: 'time-distributed', layer: { type: 'global-average-pooling' } }, [[5, 4, 4, 3]], [5, 3]],
    [{ type: 'bidirectional', layer: { type: 'gru', units: 3, returnSequences: true } }, [[5, 2]], [5, 6]],
    [{ type: 'bidirectional', mergeMode: 'sum', layer: { type: 'gru', units: 3 } }, [[5, 2]], [3]],
  ])('%j on %j gives %j', (layer, [first = [], ...others], outputShape) => {
    expect(connected(layer, first, ...others).outputShape).toEqual(outputShape)
  })
})

describe('a layer refuses', () => {
  it.each<[string, Record<string, unknown>, Shape[], RegExp]>([
    [
      'a vector for an image',
      { type: 'conv2d', filters: 1, kernelSize: 1 },
      [[4]],
      /takes \[height, width, channels\] but its input is \[4\]; put a reshape layer before it, to \[4, 1, 1\]/,
    ],
    ['a vector for a sequence', { type: 'lstm', units: 1 }, [[4]], /takes \[time, features\] .* returnSequences/],
    ['an image for a sequence', { type: 'lstm', units: 1 }, [[4, 4, 1]], /leaves 2 axes/],
    ['a sequence for a vector', { type: 'repeat-vector', times: 2 }, [[4, 2]], /flatten/],
    [
      'a window that does not fit',
      { type: 'max-pooling2d', poolSize: 5 },
      [[4, 4, 1]],
      /larger than its input \[4, 4\]; take a smaller window/,
    ],
    [
      'a dilated window that does not fit',
      { type: 'conv1d', filters: 1, kernelSize: 3, dilation: 2 },
      [[4, 1]],
      /\[5\] is larger/,
    ],
    [
      'strides and dilation',
      { type: 'conv2d', filters: 1, kernelSize: 1, strides: 2, dilation: 2 },
      [[4, 4, 1]],
      /both above 1/,
    ],
    [
      'groups that do not divide',
      { type: 'conv1d', filters: 4, kernelSize: 1, groups: 2 },
      [[4, 3]],
      /3 channels .* 4 filters; 2 does not/,
    ],
    [
      'unequal strides of depthwise windows',
      { type: 'depthwise-conv2d', kernelSize: 1, strides: [1, 2] },
      [[4, 4, 1]],
      /equal strides/,
    ],
    ['to pool a vector', { type: 'global-max-pooling' }, [[4]], /leave it out/],
    ['to drop channels of a vector', { type: 'spatial-dropout' }, [[4]], /use dropout/],
    ['the axis of the batch', { type: 'softmax', axis: 0 }, [[4]], /axis 0 is the batch/],
    ['an axis that is not there', { type: 'softmax', axis: 2 }, [[4]], /from 1 to 1/],
    ['an orthogonal vector', { type: 'prelu', alphaInitializer: 'orthogonal' }, [[4]], /alphaInitializer/],
    ['to add what differs', { type: 'add' }, [[4], [5]], /\[4\] and \[5\]; bring them together/],
    ['to add other ranks', { type: 'add' }, [[4], [1, 4]], /\[4\] and \[1, 4\]/],
    ['to subtract three', { type: 'subtract' }, [[4], [4], [4]], /takes two inputs but has 3/],
    [
      'to join what differs elsewhere',
      { type: 'concatenate' },
      [
        [4, 2],
        [3, 2],
      ],
      /equal but for that axis/,
    ],
    [
      'the product of matrices',
      { type: 'dot' },
      [
        [4, 2],
        [4, 2],
      ],
      /two vectors/,
    ],
    ['several inputs', { type: 'flatten' }, [[4], [4]], /takes one input but has 2; merge them/],
    ['another size', { type: 'reshape', targetShape: [3] }, [[4]], /has 3 numbers but its input \[4\] has 4/],
    ['two open extents', { type: 'reshape', targetShape: [-1, -1] }, [[4]], /at most one −1/],
    ['an extent of 0', { type: 'reshape', targetShape: [0, -1] }, [[4]], /positive/],
    ['axes that are missing', { type: 'permute', dims: [1, 3] }, [[4, 2]], /each of the 2 axes/],
    ['to crop everything', { type: 'cropping2d', cropping: 2 }, [[4, 4, 1]], /leaves nothing/],
    [
      'steps of nothing',
      { type: 'time-distributed', layer: { type: 'dense', units: 1 } },
      [[4]],
      /use the dense layer by itself/,
    ],
    [
      'steps that do not fit its layer',
      { type: 'time-distributed', layer: { type: 'conv2d', filters: 1, kernelSize: 1 } },
      [[4, 2]],
      /on each step, conv2d takes/,
    ],
    [
      'ids from a layer',
      { type: 'embedding', inputSize: 4, outputSize: 2, inputs: ['dense-1'] },
      [[4]],
      /set its inputs to \["input"\]/,
    ],
  ])('%s', (_, layer, [first = [], ...others], detail) => {
    expect(caught(() => connected(layer, first, ...others)).message).toMatch(detail)
  })
})

it('an inner layer has no name and no inputs', () => {
  const inner = { type: 'dense', units: 1, name: 'y' }
  const layers = [{ type: 'time-distributed', layer: inner }]
  const parsed = parse(LayersModel, { kind: 'layers', inputShape: [2, 2], layers })
  expect(parsed.ok ? [] : parsed.errors.map(({ pointer }) => pointer)).toEqual(['/layers/0/layer/name'])
})
