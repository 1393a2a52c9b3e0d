import type { LayerOf } from '../../contracts/model.js'
import type { Connect, Weights } from './connect.js'
import { moment, trained } from './weights.js'

function scaleAndCentre(layer: { readonly scale: boolean; readonly center: boolean }, features: number): Weights {
  return {
    ...(layer.scale ? { gamma: trained([features], 'ones') } : {}),
    ...(layer.center ? { beta: trained([features], 'zeros') } : {}),
  }
}

/** A mean and a variance for each place on the last axis. */
export const batchNormalization: Connect<LayerOf<'batch-normalization'>> = (layer, [input]) => {
  const features = input.at(-1) ?? 1
  return {
    outputShape: input,
    weights: {
      ...scaleAndCentre(layer, features),
      'moving-mean': moment([features], 'zeros'),
      'moving-variance': moment([features], 'ones'),
    },
  }
}

export const layerNormalization: Connect<LayerOf<'layer-normalization'>> = (layer, [input]) => ({
  outputShape: input,
  weights: scaleAndCentre(layer, input.at(-1) ?? 1),
})
