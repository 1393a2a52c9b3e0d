import type { LayerOf } from '../../contracts/model.js'
import { pair, show } from '../shape.js'
import { extentsOf, IMAGE, TIME, VOLUME } from './axes.js'
import type { Connect } from './connect.js'
import { slide, triple } from './window.js'

/** [time, channels] → [time', channels]. */
export const pooling1d: Connect<LayerOf<'max-pooling1d' | 'average-pooling1d'>> = (layer, [input], reject) => {
  const [time, channels] = extentsOf(input, TIME, layer.type, reject)
  const { poolSize, strides = poolSize, padding } = layer
  return {
    outputShape: [...slide([time], { size: [poolSize], strides: [strides], padding }, reject), channels],
    weights: {},
  }
}

/** [height, width, channels] → [height', width', channels]. */
export const pooling2d: Connect<LayerOf<'max-pooling2d' | 'average-pooling2d'>> = (layer, [input], reject) => {
  const [height, width, channels] = extentsOf(input, IMAGE, layer.type, reject)
  const { poolSize, strides = poolSize, padding } = layer
  const sliding = { size: pair(poolSize), strides: pair(strides), padding }
  return { outputShape: [...slide([height, width], sliding, reject), channels], weights: {} }
}

/** [depth, height, width, channels] → [depth', height', width', channels]. */
export const pooling3d: Connect<LayerOf<'max-pooling3d'>> = (layer, [input], reject) => {
  const [depth, height, width, channels] = extentsOf(input, VOLUME, layer.type, reject)
  const { poolSize, strides = poolSize, padding } = layer
  const sliding = { size: triple(poolSize), strides: triple(strides), padding }
  return { outputShape: [...slide([depth, height, width], sliding, reject), channels], weights: {} }
}

/** [.., channels] → [channels], over one axis of time or two of an image. */
export const globalPooling: Connect<LayerOf<'global-average-pooling' | 'global-max-pooling'>> = (
  layer,
  [input],
  reject,
) => {
  const channels = input.at(-1)
  if (channels === undefined || input.length < 2 || input.length > 3)
    throw reject(
      `${layer.type} takes [time, channels] or [height, width, channels] but its input is ${show(input)}; ${input.length < 2 ? 'leave it out' : 'put a reshape layer before it'}`,
    )
  return { outputShape: [channels], weights: {} }
}
