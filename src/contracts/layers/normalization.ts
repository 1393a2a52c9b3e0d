import { Type } from 'typebox'
import { strict, wiring } from './fields.js'

const epsilon = Type.Number({ minimum: 1e-12, maximum: 1, default: 1e-3, description: 'Added to the variance' })
const affine = {
  center: Type.Boolean({ default: true, description: 'Add a trained beta' }),
  scale: Type.Boolean({ default: true, description: 'Multiply by a trained gamma' }),
}

export const BatchNormalizationLayer = Type.Object(
  {
    type: Type.Literal('batch-normalization'),
    ...wiring,
    momentum: Type.Number({
      minimum: 0,
      maximum: 0.999999,
      default: 0.99,
      description: 'moving ← momentum · moving + (1 − momentum) · batch',
    }),
    epsilon,
    ...affine,
  },
  {
    ...strict,
    description:
      'Over all axes but the last: by mean and population variance of the batch while training, by their moving averages otherwise',
  },
)
export const LayerNormalizationLayer = Type.Object(
  { type: Type.Literal('layer-normalization'), ...wiring, epsilon, ...affine },
  { ...strict, description: 'Each position over the last axis' },
)
