import type { LayerOf } from '../../contracts/model.js'
import { pair, type Shape, show } from '../shape.js'
import { extentsOf, IMAGE, TIME, VOLUME } from './axes.js'
import type { Connect, Reject } from './connect.js'
import { affine, biasFor, trained } from './weights.js'
import { type Sliding, slide, spread, triple } from './window.js'

interface Grouped {
  readonly filters: number
  readonly groups: number
}

/** Channels that one filter sees. */
function channelsOfGroup({ filters, groups }: Grouped, channels: number, reject: Reject): number {
  if (channels % groups > 0 || filters % groups > 0)
    throw reject(
      `groups must divide the ${channels} channels of its input and its ${filters} filters; ${groups} does not`,
    )
  return channels / groups
}

/** [time, in] → [time', filters]; kernel [taps, in / groups, filters]. */
export const conv1d: Connect<LayerOf<'conv1d'>> = (layer, [input], reject) => {
  const [time, channels] = extentsOf(input, TIME, 'conv1d', reject)
  const seen = channelsOfGroup(layer, channels, reject)
  const { kernelSize, strides, dilation, padding, filters } = layer
  const sliding = { size: [kernelSize], strides: [strides], dilation: [dilation], padding }
  return {
    outputShape: [...slide([time], sliding, reject), filters],
    weights: affine(layer, [kernelSize, seen, filters]),
  }
}

/** [height, width, in] → [height', width', filters]; kernel [height, width, in / groups, filters]. */
export const conv2d: Connect<LayerOf<'conv2d'>> = (layer, [input], reject) => {
  const [height, width, channels] = extentsOf(input, IMAGE, 'conv2d', reject)
  const seen = channelsOfGroup(layer, channels, reject)
  return {
    outputShape: [...slide([height, width], sliding2d(layer), reject), layer.filters],
    weights: affine(layer, [...pair(layer.kernelSize), seen, layer.filters]),
  }
}

/** [depth, height, width, in] → [depth', height', width', filters]; kernel [depth, height, width, in, filters]. */
export const conv3d: Connect<LayerOf<'conv3d'>> = (layer, [input], reject) => {
  const [depth, height, width, channels] = extentsOf(input, VOLUME, 'conv3d', reject)
  const size = triple(layer.kernelSize)
  const sliding = { size, strides: triple(layer.strides), padding: layer.padding }
  return {
    outputShape: [...slide([depth, height, width], sliding, reject), layer.filters],
    weights: affine(layer, [...size, channels, layer.filters]),
  }
}

/** [height, width, in] → [height', width', in · multiplier]; depthwise-kernel [height, width, in, multiplier]. */
export const depthwiseConv2d: Connect<LayerOf<'depthwise-conv2d'>> = (layer, [input], reject) => {
  const { outputShape, kernel } = depthwise(layer, input, 'depthwise-conv2d', reject)
  return {
    outputShape,
    weights: {
      'depthwise-kernel': trained(kernel, layer.depthwiseInitializer),
      ...biasFor(layer, outputShape.at(-1) ?? 1),
    },
  }
}

/** A depthwise convolution, then pointwise-kernel [1, 1, in · multiplier, filters]. */
export const separableConv2d: Connect<LayerOf<'separable-conv2d'>> = (layer, [input], reject) => {
  const { outputShape, kernel } = depthwise(layer, input, 'separable-conv2d', reject)
  const between = outputShape.at(-1) ?? 1
  return {
    outputShape: [...outputShape.slice(0, -1), layer.filters],
    weights: {
      'depthwise-kernel': trained(kernel, layer.depthwiseInitializer),
      'pointwise-kernel': trained([1, 1, between, layer.filters], layer.pointwiseInitializer),
      ...biasFor(layer, layer.filters),
    },
  }
}

/** [height, width, in] → [height', width', filters]; kernel [height, width, filters, in]. */
export const conv2dTranspose: Connect<LayerOf<'conv2d-transpose'>> = (layer, [input], reject) => {
  const [height, width, channels] = extentsOf(input, IMAGE, 'conv2d-transpose', reject)
  const { filters } = layer
  return {
    outputShape: [...spread([height, width], sliding2d({ ...layer, dilation: 1 })), filters],
    weights: {
      kernel: trained([...pair(layer.kernelSize), filters, channels], layer.kernelInitializer),
      ...biasFor(layer, filters),
    },
  }
}

function sliding2d(layer: Pick<LayerOf<'conv2d'>, 'kernelSize' | 'strides' | 'dilation' | 'padding'>): Sliding {
  const { kernelSize, strides, dilation, padding } = layer
  return { size: pair(kernelSize), strides: pair(strides), dilation: pair(dilation), padding }
}

function depthwise(
  layer: Pick<LayerOf<'depthwise-conv2d'>, 'kernelSize' | 'strides' | 'dilation' | 'padding' | 'depthMultiplier'>,
  input: Shape,
  type: string,
  reject: Reject,
): { outputShape: number[]; kernel: number[] } {
  const [height, width, channels] = extentsOf(input, IMAGE, type, reject)
  const sliding = sliding2d(layer)
  const [down, right] = sliding.strides
  // TensorFlow's depthwise kernels know one stride only.
  if (down !== right) throw reject(`${type} takes equal strides but they are ${show(sliding.strides)}`)
  const outputs = channels * layer.depthMultiplier
  return {
    outputShape: [...slide([height, width], sliding, reject), outputs],
    kernel: [...sliding.size, channels, layer.depthMultiplier],
  }
}
