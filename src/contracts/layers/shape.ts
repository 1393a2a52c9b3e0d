import { Type } from 'typebox'
import { Extent, strict, Window2d, wiring } from './fields.js'

const Sides = Type.Tuple([
  Type.Integer({ minimum: 0, maximum: 65_536, description: 'before' }),
  Type.Integer({ minimum: 0, maximum: 65_536, description: 'after' }),
])
const margins = Type.Union([Type.Integer({ minimum: 0, maximum: 65_536 }), Type.Tuple([Sides, Sides])], {
  default: 1,
  description: 'Rows and columns on every side, or [[top, bottom], [left, right]]',
})

export const FlattenLayer = Type.Object(
  { type: Type.Literal('flatten'), ...wiring },
  { ...strict, description: 'Row-major, channels last' },
)
export const ReshapeLayer = Type.Object(
  {
    type: Type.Literal('reshape'),
    ...wiring,
    targetShape: Type.Array(Type.Integer({ minimum: -1, maximum: 16_777_216 }), {
      minItems: 1,
      maxItems: 4,
      description: 'Of one example; −1, at most once, takes what is left',
    }),
  },
  strict,
)
export const PermuteLayer = Type.Object(
  {
    type: Type.Literal('permute'),
    ...wiring,
    dims: Type.Array(Type.Integer({ minimum: 1, maximum: 4 }), {
      minItems: 1,
      maxItems: 4,
      uniqueItems: true,
      description: 'Axis (from 1, the batch is 0) that comes in each place',
    }),
  },
  strict,
)
export const RepeatVectorLayer = Type.Object(
  { type: Type.Literal('repeat-vector'), ...wiring, times: Extent('Copies') },
  { ...strict, description: '[features] → [times, features]' },
)
export const ZeroPadding2dLayer = Type.Object(
  { type: Type.Literal('zero-padding2d'), ...wiring, padding: margins },
  strict,
)
export const Cropping2dLayer = Type.Object({ type: Type.Literal('cropping2d'), ...wiring, cropping: margins }, strict)
export const UpSampling1dLayer = Type.Object(
  { type: Type.Literal('up-sampling1d'), ...wiring, size: Type.Integer({ minimum: 1, maximum: 64, default: 2 }) },
  { ...strict, description: 'Each step of time repeated' },
)
export const UpSampling2dLayer = Type.Object(
  {
    type: Type.Literal('up-sampling2d'),
    ...wiring,
    size: Type.Union(Window2d('').anyOf, { default: 2, description: 'Factors of height and width' }),
    interpolation: Type.Enum(['nearest', 'bilinear'], {
      default: 'nearest',
      description: '`bilinear` with half-pixel centres',
    }),
  },
  strict,
)
export const MaskingLayer = Type.Object(
  {
    type: Type.Literal('masking'),
    ...wiring,
    maskValue: Type.Number({ minimum: -1e6, maximum: 1e6, default: 0 }),
  },
  { ...strict, description: 'Steps of time whose every feature is maskValue become 0; later layers still see them' },
)
