import { Type } from 'typebox'
import { strict, wiring } from './fields.js'

const rate = Type.Number({ minimum: 0, maximum: 0.99, default: 0.5, description: 'Share that is dropped' })

export const DropoutLayer = Type.Object(
  { type: Type.Literal('dropout'), ...wiring, rate },
  { ...strict, description: 'While training: x · mask / (1 − rate), drawn by seed, layer and step' },
)
export const SpatialDropoutLayer = Type.Object(
  { type: Type.Literal('spatial-dropout'), ...wiring, rate },
  { ...strict, description: 'Dropout of whole channels' },
)
export const GaussianNoiseLayer = Type.Object(
  {
    type: Type.Literal('gaussian-noise'),
    ...wiring,
    deviation: Type.Number({ minimum: 0, maximum: 1000, default: 0.1 }),
  },
  { ...strict, description: 'While training: x + N(0, deviation²)' },
)
export const GaussianDropoutLayer = Type.Object(
  { type: Type.Literal('gaussian-dropout'), ...wiring, rate },
  { ...strict, description: 'While training: x · N(1, rate / (1 − rate))' },
)
