import { Type } from 'typebox'
import { Extent, paddingField, strict, Window2d, wiring } from './fields.js'

const pooling1d = {
  ...wiring,
  poolSize: Type.Integer({ minimum: 1, maximum: 65_536, default: 2, description: 'Steps of time' }),
  strides: Type.Optional(Extent('Default: poolSize')),
  padding: paddingField,
}
const pooling2d = {
  ...wiring,
  poolSize: Type.Union(Window2d('').anyOf, { default: 2, description: 'Height and width' }),
  strides: Type.Optional(Window2d('Default: poolSize')),
  padding: paddingField,
}
const pooling3d = {
  ...wiring,
  poolSize: Type.Integer({ minimum: 1, maximum: 65_536, default: 2, description: 'Depth, height and width' }),
  strides: Type.Optional(Extent('Default: poolSize')),
  padding: paddingField,
}

export const MaxPooling1dLayer = Type.Object({ type: Type.Literal('max-pooling1d'), ...pooling1d }, strict)
export const AveragePooling1dLayer = Type.Object({ type: Type.Literal('average-pooling1d'), ...pooling1d }, strict)
export const MaxPooling2dLayer = Type.Object({ type: Type.Literal('max-pooling2d'), ...pooling2d }, strict)
export const AveragePooling2dLayer = Type.Object({ type: Type.Literal('average-pooling2d'), ...pooling2d }, strict)
export const MaxPooling3dLayer = Type.Object({ type: Type.Literal('max-pooling3d'), ...pooling3d }, strict)
/** Over all positions: [time, channels] or [height, width, channels] → [channels]. */
export const GlobalAveragePoolingLayer = Type.Object(
  { type: Type.Literal('global-average-pooling'), ...wiring },
  { ...strict, description: 'Mean of each channel over all positions' },
)
export const GlobalMaxPoolingLayer = Type.Object(
  { type: Type.Literal('global-max-pooling'), ...wiring },
  { ...strict, description: 'Largest value of each channel over all positions' },
)
