import type { LayerOf } from '../../../contracts/model.js'
import { type Sliding, triple } from '../../../planning/layers/window.js'
import { pair, type Shape } from '../../../planning/shape.js'

type Convolution = LayerOf<'conv1d' | 'conv2d' | 'conv3d' | 'depthwise-conv2d' | 'separable-conv2d'>

/** Whether a window of the layer ever covers a zero that is not of its input. Shapes are of one example, channels last. */
export function isPadded(layer: Convolution, inputShape: Shape, outputShape: Shape): boolean {
  const { size, strides, dilation, padding } = slidingOf(layer)
  if (padding === 'valid') return false
  return size.some((taps, axis) => {
    const window = (taps - 1) * (dilation?.[axis] ?? 1) + 1
    if (padding === 'causal') return window > 1
    return ((outputShape[axis] ?? 1) - 1) * (strides[axis] ?? 1) + window > (inputShape[axis] ?? 1)
  })
}

function slidingOf(layer: Convolution): Sliding {
  const { padding } = layer
  if (layer.type === 'conv1d')
    return { size: [layer.kernelSize], strides: [layer.strides], dilation: [layer.dilation], padding }
  if (layer.type === 'conv3d') return { size: triple(layer.kernelSize), strides: triple(layer.strides), padding }
  return { size: pair(layer.kernelSize), strides: pair(layer.strides), dilation: pair(layer.dilation), padding }
}
