import type { Tensor } from '@tensorflow/tfjs-core'
import { type LossName, takesLogits } from '../../contracts/loss.js'
import type { StoredTensor, StoredTensors } from '../../formats/safetensors.js'
import { INPUT, type Named, type WeightSpec } from '../../planning/layers/connect.js'
import type { NamedModel } from '../../planning/presets.js'
import type { Shape } from '../../planning/shape.js'
import { describeLayers, type LayerDescription } from '../../planning/shapes.js'
import { makeRandom } from '../../random.js'
import { tf } from '../engine/tensorflow.js'
import type { Tensors } from '../engine/types.js'
import { initialValues } from './initializers.js'
import type { Apply, Training } from './layer.js'
import { buildLayer } from './registry.js'

export interface Model {
  readonly layers: readonly LayerDescription[]
  /** Shapes of what is trained, by full name, in the order of the layers. */
  readonly parameters: Readonly<Record<string, Shape>>
  /** Shapes of what a training step sets without a gradient: moving statistics. */
  readonly moments: Readonly<Record<string, Shape>>
  /** Parameters and moments. Each draws from a stream of its own name, so that a layer more changes no other. */
  initialize(seed: number): StoredTensors
  /** The output of every layer, in order; `x` is [batch, …] with as many elements an example as the input shape has. */
  trace(weights: Tensors, x: Tensor, training?: Training): Tensor[]
  /** The last of `trace`. Without `training` layers behave as in use: nothing is dropped, moving statistics normalize. */
  apply(weights: Tensors, x: Tensor, training?: Training): Tensor
}

/**
 * A model as pure functions. Under a cross-entropy the softmax or sigmoid of the last layer is left out: the loss takes logits, which is
 * exact where the logarithm of a small probability is not.
 * @throws SPEC_INVALID if the layers do not connect.
 */
export function buildModel(model: NamedModel, loss: LossName): Model {
  const layers = describeLayers(model)
  const last = model.layers.length - 1
  const built = model.layers.map((layer, index) => {
    const description = layers[index]
    if (!description) throw new Error(`layer ${index} has no description`)
    return { description, apply: index === last ? buildLast(layer, description, loss) : buildLayer(layer, description) }
  })
  const weights = Object.assign({}, ...layers.map((layer) => layer.weights)) as Record<string, WeightSpec>
  const shapes = (trainable: boolean) =>
    Object.fromEntries(
      Object.entries(weights)
        .filter(([, spec]) => spec.trainable === trainable)
        .map(([name, { shape }]) => [name, shape]),
    )
  const trace: Model['trace'] = (values, x, training) => {
    const outputs = new Map<string, Tensor>([[INPUT, tf.reshape(x, [x.shape[0] ?? 1, ...model.inputShape])]])
    const outputOf = (name: string): Tensor => {
      const output = outputs.get(name)
      if (!output) throw new Error(`layer '${name}' has no output yet`)
      return output
    }
    return built.map(({ description: { name, inputs, weights: own }, apply }) => {
      const [first, ...others] = inputs
      const output = apply(shortNamed(values, name, own), [outputOf(first), ...others.map(outputOf)], training ?? null)
      outputs.set(name, output)
      return output
    })
  }
  return {
    layers,
    parameters: shapes(true),
    moments: shapes(false),
    initialize: (seed) =>
      Object.fromEntries(Object.entries(weights).map(([name, spec]) => [name, initialWeight(name, spec, seed)])),
    trace,
    apply: (values, x, training) => trace(values, x, training).at(-1) ?? x,
  }
}

/** Without the activation that the loss brings along. Planning has refused one that is not the end of the layer, as in a recurrence. */
function buildLast(layer: Named, description: LayerDescription, loss: LossName): Apply {
  const activation = takesLogits(loss)
  if (layer.type === 'softmax' && activation === 'softmax') return (_, [x]) => x
  if (layer.type !== 'time-distributed') return buildLayer(withoutActivation(layer, activation), description)
  return buildLayer({ ...layer, layer: withoutActivation(layer.layer, activation) }, description)
}

function withoutActivation<L extends object>(layer: L, activation: 'softmax' | 'sigmoid' | null): L {
  return 'activation' in layer && layer.activation === activation ? { ...layer, activation: 'linear' } : layer
}

/** The weights of one layer: `kernel` for `dense-1/kernel`. */
function shortNamed(values: Tensors, layer: string, own: LayerDescription['weights']): Tensors {
  const weights: Record<string, Tensor> = {}
  for (const name of Object.keys(own)) {
    const value = values[name]
    if (!value) throw new Error(`no weight '${name}' was given`)
    weights[name.slice(layer.length + 1)] = value
  }
  return weights
}

function initialWeight(name: string, { shape, initializer }: WeightSpec, seed: number): StoredTensor {
  const values = initialValues(initializer, shape, makeRandom(seed, `initialize/${name}`))
  return { type: 'float32', shape, values }
}
