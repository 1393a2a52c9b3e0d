import type { LayerOf } from '../../contracts/model.js'
import type { Shape } from '../shape.js'
import { placeOf } from './axes.js'
import type { Connect, Connection } from './connect.js'
import { trained } from './weights.js'

type ElementWise = 'activation' | 'relu' | 'leaky-relu' | 'elu'

/** Changes numbers, not shapes. */
export const elementWise = (_: unknown, [input]: readonly [Shape, ...Shape[]]): Connection => ({
  outputShape: input,
  weights: {},
})
export const activation: Connect<LayerOf<ElementWise>> = elementWise

/** An alpha for each number of an example, or for each place along the axes that do not share. */
export const prelu: Connect<LayerOf<'prelu'>> = (layer, [input], reject) => {
  const shared = new Set(layer.sharedAxes.map((axis) => placeOf(axis, input, reject)))
  const alpha = input.map((extent, place) => (shared.has(place) ? 1 : extent))
  const { alphaInitializer: initializer } = layer
  const orthogonal = typeof initializer === 'string' ? initializer : initializer.kind
  if (orthogonal === 'orthogonal' && alpha.length < 2)
    throw reject('alpha has one axis here, and orthogonal takes at least two; choose another alphaInitializer')
  return { outputShape: input, weights: { alpha: trained(alpha, initializer) } }
}

export const softmax: Connect<LayerOf<'softmax'>> = (layer, [input], reject) => {
  placeOf(layer.axis, input, reject)
  return { outputShape: input, weights: {} }
}
