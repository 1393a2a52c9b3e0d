import type { StoredTensors } from '../../formats/safetensors.js'
import { topologyOf } from '../../planning/keras/to-keras.js'
import { tfjsNameOf } from '../../planning/keras/weight-places.js'
import type { NamedModel } from '../../planning/presets.js'
import { describeLayers } from '../../planning/shapes.js'
import type { ModelCard } from './card.js'

export const TFJS_WEIGHTS = 'tfjs-weights.bin'

/**
 * The model as a layers model of TensorFlow.js: model.json, which names the file of weights beside it.
 * @throws Error naming the layer that TensorFlow.js has no like of: planning refuses such an export before.
 */
export function encodeTfjs(
  model: NamedModel,
  weights: StoredTensors,
  isId: boolean,
  card: ModelCard,
): { readonly json: Uint8Array; readonly weights: Uint8Array } {
  const { layers, ...ends } = topologyOf(model, 'tfjs', isId)
  const named = describeLayers(model).flatMap((layer) => Object.keys(layer.weights))
  const tensors = named.map((name) => {
    const tensor = weights[name]
    if (!tensor) throw new Error(`there is no weight '${name}'`)
    return { name, tensor }
  })
  const json = {
    format: 'layers-model',
    generatedBy: 'Espalier',
    convertedBy: null,
    userDefinedMetadata: card,
    modelTopology: {
      keras_version: '2.1.6',
      backend: 'tensor_flow.js',
      model_config: { class_name: 'Model', config: { name: 'espalier', layers, ...ends } },
    },
    weightsManifest: [
      {
        paths: [TFJS_WEIGHTS],
        weights: tensors.map(({ name, tensor }) => ({
          name: tfjsNameOf(model, name),
          shape: tensor.shape,
          dtype: 'float32',
        })),
      },
    ],
  }
  const bytes = new Uint8Array(tensors.reduce((sum, { tensor }) => sum + tensor.values.byteLength, 0))
  let at = 0
  for (const { tensor } of tensors) {
    const { buffer, byteOffset, byteLength } = tensor.values
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at)
    at += byteLength
  }
  return { json: new TextEncoder().encode(`${JSON.stringify(json)}\n`), weights: bytes }
}
