import type { Tensor } from '@tensorflow/tfjs-core'
import type { LayersModel } from '../../contracts/model.js'
import type { LossName } from '../../contracts/training-job.js'
import type { StoredTensor, StoredTensors } from '../../formats/safetensors.js'
import { expandModel, type NamedLayer } from '../../planning/presets.js'
import { biasOf, describeLayers, type LayerDescription, type Shape } from '../../planning/shapes.js'
import { tf } from '../engine/tensorflow.js'
import type { Tensors } from '../engine/types.js'
import { makeRandom } from '../random.js'
import { ACTIVATION_FUNCTIONS } from './activations.js'
import { buildConv2d } from './conv2d.js'
import { buildDense } from './dense.js'
import { buildFlatten } from './flatten.js'
import { initialValues } from './initializers.js'
import type { BuiltLayer } from './layer.js'
import { buildPooling2d } from './pooling2d.js'

export interface Model {
  readonly layers: readonly LayerDescription[]
  /** Shapes by full name, in the order of the layers. */
  readonly parameters: Readonly<Record<string, Shape>>
  /** Each weight draws from a stream of its own name, so that a layer more changes no other. Biases are 0. */
  initialize(seed: number): StoredTensors
  /** The output of every layer, in order; `x` is [batch, …] with as many elements an example as the input shape has. */
  trace(params: Tensors, x: Tensor): Tensor[]
  /** The last of `trace`. */
  apply(params: Tensors, x: Tensor): Tensor
}

/**
 * A model as pure functions. Under cross-entropy the softmax of the last layer is left out: the loss takes logits, which is exact
 * where the logarithm of a small probability is not.
 * @throws SPEC_INVALID if the layers do not connect.
 */
export function buildModel(model: LayersModel, loss: LossName): Model {
  const named = expandModel(model)
  const descriptions = describeLayers(named)
  const built = named.layers.map((layer, index) => {
    const description = descriptions[index]
    if (!description) throw new Error(`layer ${index} has no description`)
    const isLogits = loss === 'sparse-categorical-crossentropy' && index === named.layers.length - 1
    return buildLayer(isLogits ? withoutSoftmax(layer) : layer, description)
  })
  const trace = (params: Tensors, x: Tensor): Tensor[] => {
    let current = tf.reshape(x, [x.shape[0] ?? 1, ...model.inputShape])
    return built.map((layer) => {
      current = layer.apply(params, current)
      return current
    })
  }
  return {
    layers: descriptions,
    parameters: Object.assign({}, ...descriptions.map(({ weights }) => weights)),
    initialize: (seed) =>
      Object.assign({}, ...named.layers.map((layer, i) => initialize(layer, descriptions[i], seed))),
    trace,
    apply: (params, x) => trace(params, x).at(-1) ?? x,
  }
}

function buildLayer(layer: NamedLayer, description: LayerDescription): BuiltLayer {
  switch (layer.type) {
    case 'dense':
      return buildDense(layer, description)
    case 'conv2d':
      return buildConv2d(layer, description)
    case 'max-pooling2d':
    case 'average-pooling2d':
      return buildPooling2d(layer, description)
    case 'flatten':
      return buildFlatten(description)
    case 'activation':
      return { description, apply: (_, x) => ACTIVATION_FUNCTIONS[layer.activation](x) }
  }
}

function withoutSoftmax(layer: NamedLayer): NamedLayer {
  return 'activation' in layer && layer.activation === 'softmax' ? { ...layer, activation: 'linear' } : layer
}

function initialize(layer: NamedLayer, description: LayerDescription | undefined, seed: number): StoredTensors {
  const weights: Record<string, StoredTensor> = {}
  for (const [name, shape] of Object.entries(description?.weights ?? {})) {
    const isKernel = 'kernelInitializer' in layer && name !== biasOf(layer.name)
    const initializer = isKernel ? layer.kernelInitializer : 'zeros'
    const values = initialValues(initializer, shape, makeRandom(seed, `initialize/${name}`))
    weights[name] = { type: 'float32', shape, values }
  }
  return weights
}
