import type { LayersModel } from '../../../src/contracts/model.js'
import { ModelSpec } from '../../../src/contracts/model.js'
import { parse } from '../../../src/contracts/parse.js'
import type { StoredTensor, StoredTensors } from '../../../src/formats/safetensors.js'
import { buildModel } from '../../../src/ml/models/model.js'
import { expandModel, type NamedModel } from '../../../src/planning/presets.js'
import { makeRandom } from '../../../src/random.js'

export interface ExportCase {
  readonly name: string
  readonly model: NamedModel
  readonly weights: StoredTensors
  /** [batch, …], float32 or ids. */
  readonly input: StoredTensor
}

const BATCH = 5

const layers = (inputShape: number[], list: Record<string, unknown>[]) => ({ kind: 'layers', inputShape, layers: list })

/** Small models that together have every layer type. */
const MODELS: Readonly<Record<string, unknown>> = {
  mlp: layers(
    [7],
    [
      { type: 'dense', units: 9, activation: 'relu' },
      { type: 'layer-normalization' },
      { type: 'dense', units: 6, activation: 'tanh', useBias: false },
      { type: 'batch-normalization' },
      { type: 'dropout', rate: 0.5 },
      { type: 'dense', units: 3, activation: 'softmax' },
    ],
  ),
  convolutions: layers(
    [9, 8, 2],
    [
      {
        type: 'zero-padding2d',
        padding: [
          [1, 0],
          [0, 2],
        ],
      },
      { type: 'conv2d', filters: 4, kernelSize: 3, padding: 'same', strides: 2, activation: 'relu' },
      { type: 'batch-normalization' },
      { type: 'depthwise-conv2d', kernelSize: 3, depthMultiplier: 2, padding: 'same', activation: 'elu' },
      { type: 'separable-conv2d', filters: 5, kernelSize: [3, 2], padding: 'same' },
      { type: 'up-sampling2d', size: 2 },
      { type: 'conv2d-transpose', filters: 3, kernelSize: 3, strides: 2, padding: 'same', activation: 'sigmoid' },
      {
        type: 'cropping2d',
        cropping: [
          [1, 1],
          [0, 2],
        ],
      },
      { type: 'average-pooling2d', poolSize: 2, padding: 'same' },
      { type: 'max-pooling2d', poolSize: 2 },
      { type: 'flatten' },
      { type: 'dense', units: 4 },
    ],
  ),
  residual: layers(
    [6, 6, 2],
    [
      { type: 'conv2d', name: 'stem', filters: 4, kernelSize: 3, padding: 'same' },
      { type: 'conv2d', name: 'inner', filters: 4, kernelSize: 3, padding: 'same', activation: 'relu' },
      { type: 'add', name: 'sum', inputs: ['stem', 'inner'] },
      { type: 'multiply', name: 'product', inputs: ['sum', 'stem'] },
      { type: 'average', name: 'mean', inputs: ['product', 'inner'] },
      { type: 'maximum', name: 'most', inputs: ['mean', 'stem'] },
      { type: 'minimum', name: 'least', inputs: ['most', 'sum'] },
      { type: 'concatenate', name: 'both', inputs: ['least', 'stem'] },
      { type: 'leaky-relu', negativeSlope: 0.1 },
      { type: 'prelu', sharedAxes: [1, 2] },
      { type: 'global-average-pooling' },
      { type: 'softmax' },
    ],
  ),
  sequence: layers(
    [10, 3],
    [
      { type: 'conv1d', filters: 4, kernelSize: 3, padding: 'same', activation: 'softplus' },
      { type: 'max-pooling1d', poolSize: 2 },
      { type: 'lstm', units: 5, returnSequences: true },
      { type: 'gru', units: 4, returnSequences: true, resetAfter: false },
      { type: 'simple-rnn', units: 4, returnSequences: true },
      { type: 'time-distributed', layer: { type: 'dense', units: 3, activation: 'selu' } },
      { type: 'average-pooling1d', poolSize: 2 },
      { type: 'global-max-pooling' },
      { type: 'dense', units: 2, activation: 'sigmoid' },
    ],
  ),
  'both-ways': layers(
    [6, 3],
    [
      { type: 'bidirectional', layer: { type: 'lstm', units: 3, returnSequences: true } },
      { type: 'bidirectional', layer: { type: 'simple-rnn', units: 4 }, mergeMode: 'average' },
      { type: 'repeat-vector', times: 2 },
      { type: 'permute', dims: [2, 1] },
      { type: 'reshape', targetShape: [2, 4] },
      { type: 'flatten' },
      { type: 'dense', units: 2 },
    ],
  ),
  words: layers(
    [6],
    [
      { type: 'embedding', inputSize: 11, outputSize: 4 },
      { type: 'lstm', units: 5 },
      { type: 'dense', units: 3, activation: 'softmax' },
    ],
  ),
  volume: layers(
    [5, 5, 5, 1],
    [
      { type: 'conv3d', filters: 3, kernelSize: 2, activation: 'relu' },
      { type: 'max-pooling3d', poolSize: 2 },
      { type: 'flatten' },
      { type: 'dense', units: 2 },
    ],
  ),
  'lenet-300-100': { kind: 'preset', name: 'lenet-300-100' },
  'lenet-5': { kind: 'preset', name: 'lenet-5' },
  'resnet-8': { kind: 'preset', name: 'resnet-8' },
}

/** What only Keras 3 has. */
const KERAS_ONLY: Readonly<Record<string, unknown>> = {
  'keras-only': layers(
    [8, 4],
    [
      { type: 'conv1d', filters: 4, kernelSize: 3, padding: 'causal', dilation: 2, activation: 'gelu' },
      { type: 'conv1d', name: 'grouped', filters: 4, kernelSize: 1, groups: 2, activation: 'mish' },
      { type: 'conv1d', name: 'other', inputs: ['conv1d-1'], filters: 4, kernelSize: 1, activation: 'hard-sigmoid' },
      { type: 'subtract', name: 'difference', inputs: ['grouped', 'other'] },
      { type: 'up-sampling1d', size: 2 },
      { type: 'gru', units: 4, returnSequences: true },
      { type: 'relu', negativeSlope: 0.1, threshold: 0.1, maxValue: 2 },
      { type: 'elu', alpha: 0.7 },
      { type: 'global-average-pooling' },
      { type: 'dense', units: 3, activation: 'log-softmax' },
    ],
  ),
}

export const EXPORT_CASES: readonly ExportCase[] = Object.entries(MODELS).map(([name, spec]) => caseOf(name, spec))
export const KERAS_CASES: readonly ExportCase[] = Object.entries(KERAS_ONLY).map(([name, spec]) => caseOf(name, spec))

function caseOf(name: string, spec: unknown): ExportCase {
  const parsed = parse(ModelSpec, spec)
  if (!parsed.ok) throw new Error(`${name}: ${JSON.stringify(parsed.errors)}`)
  const model: NamedModel = expandModel(parsed.value)
  return { name, model, weights: trainedWeights(model), input: inputOf(name, model) }
}

/** As after some training: biases and moving statistics are not those of the beginning. */
function trainedWeights(model: LayersModel & NamedModel): StoredTensors {
  const initial = buildModel(model, 'mean-squared-error').initialize(7)
  return Object.fromEntries(
    Object.entries(initial).map(([name, { shape, values }]) => {
      const random = makeRandom(5, name)
      const isVariance = name.endsWith('moving-variance')
      const moved = Float32Array.from(values, (value) =>
        isVariance ? 0.5 + random.uniform() : value + 0.2 * random.normal(),
      )
      return [name, { type: 'float32', shape, values: moved }]
    }),
  )
}

function inputOf(name: string, model: NamedModel): StoredTensor {
  const random = makeRandom(3, name)
  const shape = [BATCH, ...model.inputShape]
  const size = shape.reduce((product, extent) => product * extent, 1)
  const [first] = model.layers
  if (first?.type !== 'embedding')
    return { type: 'float32', shape, values: Float32Array.from({ length: size }, () => random.normal()) }
  const ids = Int32Array.from({ length: size }, () => Math.floor(random.uniform() * first.inputSize))
  return { type: 'int32', shape, values: ids }
}
