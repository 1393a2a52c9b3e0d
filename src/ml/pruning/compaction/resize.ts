import type { Named } from '../../../planning/layers/connect.js'
import type { NamedModel } from '../../../planning/presets.js'
import type { Shape } from '../../../planning/shape.js'
import type { Units } from '../../../planning/units/units.js'

/** The layers with what is left of their units. */
export function resizeModel({ model, layers }: Units, removed: Uint8Array): NamedModel {
  return {
    kind: model.kind,
    inputShape: model.inputShape,
    layers: model.layers.map((layer, index) => {
      const { output, outputShape } = layers[index] ?? {}
      const count = output?.filter((unit) => removed[unit] === 0).length
      if (outputShape === undefined || count === undefined || count === output?.length) return layer
      return resized(layer, outputShape.with(-1, count))
    }),
  }
}

/** The layer with so many units, filters or numbers as the last axis of `shape`, what it is to give for an example, has indexes. */
function resized(layer: Named, shape: Shape): Named {
  const count = shape.at(-1) ?? 1
  switch (layer.type) {
    case 'dense':
    case 'simple-rnn':
    case 'lstm':
    case 'gru':
      return { ...layer, units: count }
    case 'conv1d':
    case 'conv2d':
    case 'conv3d':
    case 'separable-conv2d':
    case 'conv2d-transpose':
      return { ...layer, filters: count }
    case 'embedding':
      return { ...layer, outputSize: count }
    case 'bidirectional':
      return { ...layer, layer: { ...layer.layer, units: layer.mergeMode === 'concat' ? count / 2 : count } }
    case 'reshape':
      return { ...layer, targetShape: [...shape] }
    case 'time-distributed': {
      const { name, ...inner } = resized({ ...layer.layer, name: layer.name }, shape)
      // Of the type that went in.
      return { ...layer, layer: inner as typeof layer.layer }
    }
    default:
      return layer
  }
}

/** The layer with a bias, of layers that can have one. */
export function withBias(layer: Named): Named {
  if (layer.type === 'bidirectional') return { ...layer, layer: { ...layer.layer, useBias: true } }
  if (layer.type === 'time-distributed') {
    return 'useBias' in layer.layer ? { ...layer, layer: { ...layer.layer, useBias: true } } : layer
  }
  return 'useBias' in layer ? { ...layer, useBias: true } : layer
}
