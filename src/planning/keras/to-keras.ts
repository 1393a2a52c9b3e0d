import { INPUT } from '../layers/connect.js'
import type { NamedModel } from '../presets.js'
import { describeLayers } from '../shapes.js'
import { type Dialect, describeLayer, type KerasLayer } from './to-classes.js'

/** A layer of a functional model, with its name. */
export interface TopologyLayer {
  readonly name: string
  readonly class_name: string
  readonly config: Readonly<Record<string, unknown>>
  readonly inbound_nodes: readonly unknown[]
}

export interface Topology {
  readonly layers: readonly TopologyLayer[]
  readonly input_layers: readonly unknown[]
  readonly output_layers: readonly unknown[]
}

const NAME = { keras: 'the Keras format', tfjs: 'TensorFlow.js' } as const

/**
 * The model as the config of a functional Keras model. The last activation is in it, so it gives probabilities where the model does.
 * `isId`: the input are ids, int32.
 */
export function topologyOf(model: NamedModel, dialect: Dialect, isId: boolean): Topology {
  const described = describeLayers(model)
  const layers = model.layers.map((own, index): TopologyLayer => {
    const { name, inputs, inputShapes } = described[index] ?? { name: own.name, inputs: [], inputShapes: [[]] }
    const found = describeLayer(own, dialect, inputShapes[0]?.length ?? 1)
    if ('refused' in found) throw new Error(`layer '${name}' cannot be exported: ${NAME[dialect]} ${found.refused}`)
    const { class_name, config } = found
    return {
      ...{ name, class_name, config: { name, trainable: true, dtype: 'float32', ...config } },
      inbound_nodes: [inputs.map((input) => [input, 0, 0, {}])],
    }
  })
  const shape = [null, ...model.inputShape]
  const input: TopologyLayer = {
    name: INPUT,
    class_name: 'InputLayer',
    config: {
      ...(dialect === 'keras' ? { batch_shape: shape } : { batch_input_shape: shape, sparse: false }),
      ...{ dtype: isId ? 'int32' : 'float32', name: INPUT },
    },
    inbound_nodes: [],
  }
  // Keras 3 takes a list of one for a model that is called with a list.
  const end = (name: string) => (dialect === 'keras' ? [name, 0, 0] : [[name, 0, 0]])
  return {
    layers: [input, ...layers],
    input_layers: end(INPUT),
    output_layers: end(layers.at(-1)?.name ?? INPUT),
  }
}

/** What of a model a dialect cannot say: the name of the layer and why; empty if all can be exported. */
export function cannotExport(model: NamedModel, dialect: Dialect): { layer: string; reason: string }[] {
  const described = describeLayers(model)
  return model.layers.flatMap((own, index) => {
    const found: KerasLayer | { refused: string } = describeLayer(
      own,
      dialect,
      described[index]?.inputShapes[0]?.length ?? 1,
    )
    return 'refused' in found ? [{ layer: own.name, reason: `${NAME[dialect]} ${found.refused}` }] : []
  })
}
