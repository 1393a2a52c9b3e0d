import type { Layer, LayersModel, ModelSpec, PresetName } from '../contracts/model.js'

const kernel = { useBias: true, kernelInitializer: 'glorot-uniform' } as const
const dense = (units: number, activation: 'relu' | 'linear', name?: string): Layer => ({
  type: 'dense',
  ...(name === undefined ? {} : { name }),
  units,
  activation,
  ...kernel,
})
const conv = (filters: number): Layer => ({
  type: 'conv2d',
  filters,
  kernelSize: 5,
  strides: 1,
  padding: 'valid',
  activation: 'linear',
  ...kernel,
})
const pool: Layer = { type: 'max-pooling2d', poolSize: 2, padding: 'valid' }

/**
 * `lenet-300-100`: 784 – 300 ReLU – 100 ReLU – 10 (266,610 parameters). `lenet-5`: the variant of Caffe, without an activation after
 * the convolutions (431,080 parameters). The last layer is `output` and gives logits.
 * @see LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998.
 */
const PRESET_MODELS = {
  'lenet-300-100': {
    kind: 'layers',
    inputShape: [784],
    layers: [dense(300, 'relu'), dense(100, 'relu'), dense(10, 'linear', 'output')],
  },
  'lenet-5': {
    kind: 'layers',
    inputShape: [28, 28, 1],
    layers: [conv(20), pool, conv(50), pool, { type: 'flatten' }, dense(500, 'relu'), dense(10, 'linear', 'output')],
  },
} as const satisfies Record<PresetName, LayersModel>

/** A layer as `expandModel` leaves it: with a name. */
export type NamedLayer = Layer & { readonly name: string }
export interface NamedModel extends LayersModel {
  layers: NamedLayer[]
}

/** The layers that a model stands for, each with its name: `dense-2` is the second dense layer, named or not. */
export function expandModel(model: ModelSpec): NamedModel {
  const { inputShape, layers }: LayersModel = model.kind === 'preset' ? PRESET_MODELS[model.name] : model
  const seen = new Map<string, number>()
  const named = layers.map((layer) => {
    const position = (seen.get(layer.type) ?? 0) + 1
    seen.set(layer.type, position)
    return { ...layer, name: layer.name ?? `${layer.type}-${position}` }
  })
  return { kind: 'layers', inputShape: [...inputShape], layers: named }
}
