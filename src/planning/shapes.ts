import type { Layer, LayersModel } from '../contracts/model.js'
import type { FieldError } from '../contracts/parse.js'
import { EspalierError } from '../errors.js'
import { expandModel, type NamedLayer } from './presets.js'

export type Shape = readonly number[]

export interface LayerDescription {
  readonly name: string
  readonly type: Layer['type']
  /** Of one example, without the batch axis. */
  readonly inputShape: Shape
  readonly outputShape: Shape
  readonly parameters: number
  /** By full name, such as `dense-1/kernel`. */
  readonly weights: Readonly<Record<string, Shape>>
}

export const sizeOf = (shape: Shape): number => shape.reduce((product, extent) => product * extent, 1)
export const kernelOf = (layer: string): string => `${layer}/kernel`
export const biasOf = (layer: string): string => `${layer}/bias`
export const pair = (window: number | readonly [number, number]): readonly [number, number] =>
  typeof window === 'number' ? [window, window] : window

/**
 * Shapes and weights of every layer, in order.
 * @throws SPEC_INVALID with pointer `/model/layers/i` at the first layer that does not connect, or at a name used twice.
 */
export function describeLayers(model: LayersModel): LayerDescription[] {
  const { layers } = expandModel(model)
  const repeated = repeatedNames(layers)
  if (repeated.length > 0) throw invalid(repeated)
  const described: LayerDescription[] = []
  let inputShape: Shape = model.inputShape
  layers.forEach((layer, index) => {
    const description = describe(layer, inputShape, (detail) =>
      invalid([{ pointer: `/model/layers/${index}`, detail: `layer '${layer.name}': ${detail}` }]),
    )
    described.push(description)
    inputShape = description.outputShape
  })
  return described
}

type Reject = (detail: string) => EspalierError

function describe(layer: NamedLayer, inputShape: Shape, reject: Reject): LayerDescription {
  const { outputShape, weights } = connect(layer, inputShape, reject)
  const parameters = Object.values(weights).reduce((sum, shape) => sum + sizeOf(shape), 0)
  return { name: layer.name, type: layer.type, inputShape, outputShape, parameters, weights }
}

function connect(
  layer: NamedLayer,
  inputShape: Shape,
  reject: Reject,
): { outputShape: Shape; weights: Record<string, Shape> } {
  switch (layer.type) {
    case 'dense': {
      const [inputs, ...rest] = inputShape
      if (inputs === undefined || rest.length > 0)
        throw reject(`dense takes [features] but its input is ${show(inputShape)}; put a flatten layer before it`)
      return { outputShape: [layer.units], weights: weightsOf(layer, [inputs, layer.units]) }
    }
    case 'conv2d': {
      const channels = image(inputShape, reject)[2]
      const [height, width] = pair(layer.kernelSize)
      const extents = slide(inputShape, layer.kernelSize, layer.strides, layer.padding, reject)
      return {
        outputShape: [...extents, layer.filters],
        weights: weightsOf(layer, [height, width, channels, layer.filters]),
      }
    }
    case 'max-pooling2d':
    case 'average-pooling2d': {
      const channels = image(inputShape, reject)[2]
      const strides = layer.strides ?? layer.poolSize
      return {
        outputShape: [...slide(inputShape, layer.poolSize, strides, layer.padding, reject), channels],
        weights: {},
      }
    }
    case 'flatten':
      return { outputShape: [sizeOf(inputShape)], weights: {} }
    case 'activation':
      return { outputShape: inputShape, weights: {} }
  }
}

function weightsOf(layer: { name: string; useBias: boolean }, kernel: Shape): Record<string, Shape> {
  const bias = layer.useBias ? { [biasOf(layer.name)]: kernel.slice(-1) } : {}
  return { [kernelOf(layer.name)]: kernel, ...bias }
}

function image(shape: Shape, reject: Reject): readonly [number, number, number] {
  const [height, width, channels, ...rest] = shape
  if (height === undefined || width === undefined || channels === undefined || rest.length > 0)
    throw reject(`it takes [height, width, channels] but its input is ${show(shape)}`)
  return [height, width, channels]
}

type Window = number | readonly [number, number]

/** `valid`: ⌊(extent − window) / stride⌋ + 1; `same`: ⌈extent / stride⌉. */
function slide(
  inputShape: Shape,
  window: Window,
  strides: Window,
  padding: 'valid' | 'same',
  reject: Reject,
): number[] {
  const extents = image(inputShape, reject).slice(0, 2)
  const sizes = pair(window)
  const steps = pair(strides)
  return extents.map((extent, axis) => {
    const size = sizes[axis] ?? 1
    const step = steps[axis] ?? 1
    if (padding === 'same') return Math.ceil(extent / step)
    if (size > extent) throw reject(`its window ${show(sizes)} is larger than its input ${show(inputShape)}`)
    return Math.floor((extent - size) / step) + 1
  })
}

function repeatedNames(layers: readonly NamedLayer[]): FieldError[] {
  return layers.flatMap(({ name }, index) => {
    const first = layers.findIndex((other) => other.name === name)
    return first === index
      ? []
      : [{ pointer: `/model/layers/${index}/name`, detail: `layer ${first} is called '${name}' already` }]
  })
}

export const show = (shape: Shape): string => `[${shape.join(', ')}]`

function invalid(errors: FieldError[]): EspalierError {
  return new EspalierError('SPEC_INVALID', errors.map(({ detail }) => detail).join('; '), errors)
}
