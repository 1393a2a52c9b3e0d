import type { LayerOf } from '../../contracts/model.js'
import { show } from '../shape.js'
import { elementWise } from './activation.js'
import type { Connect } from './connect.js'

export const noise: Connect<LayerOf<'dropout' | 'gaussian-noise' | 'gaussian-dropout'>> = elementWise

export const spatialDropout: Connect<LayerOf<'spatial-dropout'>> = (_, [input], reject) => {
  if (input.length < 2)
    throw reject(
      `spatial-dropout takes [time, channels] or [height, width, channels] but its input is ${show(input)}; use dropout`,
    )
  return { outputShape: input, weights: {} }
}
