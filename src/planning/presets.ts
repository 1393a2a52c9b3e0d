import type { LayersModel, ModelSpec, PresetName } from '../contracts/model.js'
import { EspalierError } from '../errors.js'
import { fromKeras } from './keras/from-keras.js'
import type { Named } from './layers/connect.js'
import { lenet5, lenet300100 } from './presets/lenet.js'
import { mlp } from './presets/mlp.js'
import type { DataShape, Preset } from './presets/preset.js'
import { resnet8, resnet20 } from './presets/resnet.js'
import { charRnn, lstmClassifier, textCnn } from './presets/sequences.js'
import { vggSmall } from './presets/vgg-small.js'
import { type StartingPoint, sourcePointer } from './starting-point.js'

const mnist: DataShape = { exampleShape: [28, 28, 1], outputs: 10 }
const cifar10: DataShape = { exampleShape: [32, 32, 3], outputs: 10 }

/** Each with the data that it is usually shown on, which stand in where no others are given. */
const PRESETS = {
  'lenet-300-100': { build: lenet300100, usual: mnist },
  'lenet-5': { build: lenet5, usual: mnist },
  mlp: { build: mlp, usual: mnist },
  'resnet-8': { build: resnet8, usual: cifar10 },
  'resnet-20': { build: resnet20, usual: cifar10 },
  'vgg-small': { build: vggSmall, usual: cifar10 },
  'lstm-classifier': { build: lstmClassifier, usual: mnist },
  // Tiny Shakespeare in pieces of 100 characters; the 10,000 words of IMDB, 200 of each review.
  'char-rnn': { build: charRnn, usual: { exampleShape: [100], outputs: 65, vocabulary: 65 } },
  'text-cnn': { build: textCnn, usual: { exampleShape: [200], outputs: 2, vocabulary: 10_000 } },
} as const satisfies Record<PresetName, { build: Preset; usual: DataShape }>

const NO_START = 'the finished model is not at hand'

export type NamedLayer = Named
export interface NamedModel extends LayersModel {
  layers: NamedLayer[]
}
export interface ExpandedModel extends NamedModel {
  /** Where in the spec each layer comes from: `/model/name`, `/model/layers/i`, `/model/topology/config/layers/i` or the id of a finished model. */
  readonly pointers: readonly string[]
}

/**
 * The layers that a model stands for, each with its name: `dense-2` is the second dense layer, named or not. A preset adapts to the data;
 * without them it is built for the data that it is usually shown on. A finished model is that of `start`.
 * @throws SPEC_INVALID, with pointers into the spec, at a preset that cannot work on the data and at a topology that cannot be taken over.
 */
export function expandModel(model: ModelSpec, data?: DataShape, start: StartingPoint | null = null): ExpandedModel {
  switch (model.kind) {
    case 'preset': {
      const { build, usual } = PRESETS[model.name]
      return named(build(data ?? usual), () => '/model/name')
    }
    case 'layers':
      return named(model, (index) => `/model/layers/${index}`)
    case 'keras': {
      const { pointers, ...layers } = fromKeras(model.topology)
      return named(layers, (index) => pointers[index] ?? '/model/topology')
    }
    case 'artifact': {
      const pointer = sourcePointer(model)
      if (start === null) throw new EspalierError('SPEC_INVALID', NO_START, [{ pointer, detail: NO_START }])
      return named(start.model, () => pointer)
    }
  }
}

function named({ inputShape, layers }: LayersModel, pointerOf: (index: number) => string): ExpandedModel {
  const seen = new Map<string, number>()
  const named = layers.map((layer) => {
    const position = (seen.get(layer.type) ?? 0) + 1
    seen.set(layer.type, position)
    return { ...layer, name: layer.name ?? `${layer.type}-${position}` }
  })
  return { kind: 'layers', inputShape: [...inputShape], layers: named, pointers: layers.map((_, i) => pointerOf(i)) }
}
