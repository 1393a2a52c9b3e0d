import { Type } from 'typebox'
import {
  activationField,
  Extent,
  initializerField,
  paddingField,
  strict,
  useBias,
  Window2d,
  Window3d,
  wiring,
} from './fields.js'

const one = { default: 1 }
const outputs = { filters: Extent('Output channels') }
const rest = { activation: activationField(), useBias, kernelInitializer: initializerField() }
const depth = {
  depthMultiplier: Type.Integer({ minimum: 1, maximum: 1024, ...one, description: 'Outputs of each input channel' }),
  depthwiseInitializer: initializerField(),
}
const window2d = {
  kernelSize: Window2d('Height and width'),
  strides: Type.Union(Window2d('').anyOf, { ...one, description: 'Height and width' }),
  padding: paddingField,
}
const dilation2d = {
  dilation: Type.Union(Window2d('').anyOf, {
    ...one,
    description: 'Distance between taps; above 1 only with strides 1',
  }),
}
const groups = Type.Integer({
  minimum: 1,
  maximum: 65_536,
  ...one,
  description: 'Channels are split into so many groups that do not see each other',
})

export const Conv1dLayer = Type.Object(
  {
    type: Type.Literal('conv1d'),
    ...wiring,
    ...outputs,
    kernelSize: Extent('Steps of time'),
    strides: Type.Integer({ minimum: 1, maximum: 65_536, ...one }),
    padding: Type.Enum(['valid', 'same', 'causal'], {
      default: 'valid',
      description: '`causal`: no output sees a later input',
    }),
    dilation: Type.Integer({ minimum: 1, maximum: 65_536, ...one, description: 'Distance between taps' }),
    groups,
    ...rest,
  },
  { ...strict, description: 'x [time, channels], kernel [time, in, out]' },
)
export const Conv2dLayer = Type.Object(
  { type: Type.Literal('conv2d'), ...wiring, ...outputs, ...window2d, ...dilation2d, groups, ...rest },
  { ...strict, description: 'Channels last; kernel [height, width, in, out]' },
)
export const Conv3dLayer = Type.Object(
  {
    type: Type.Literal('conv3d'),
    ...wiring,
    ...outputs,
    kernelSize: Window3d('Depth, height and width'),
    strides: Type.Union(Window3d('').anyOf, { ...one, description: 'Depth, height and width' }),
    padding: paddingField,
    ...rest,
  },
  { ...strict, description: 'Channels last; kernel [depth, height, width, in, out]' },
)
export const DepthwiseConv2dLayer = Type.Object(
  {
    type: Type.Literal('depthwise-conv2d'),
    ...wiring,
    ...depth,
    ...window2d,
    ...dilation2d,
    activation: activationField(),
    useBias,
  },
  { ...strict, description: 'Each channel by itself; depthwise-kernel [height, width, in, depthMultiplier]' },
)
export const SeparableConv2dLayer = Type.Object(
  {
    type: Type.Literal('separable-conv2d'),
    ...wiring,
    ...outputs,
    ...depth,
    ...window2d,
    ...dilation2d,
    pointwiseInitializer: initializerField(),
    activation: activationField(),
    useBias,
  },
  { ...strict, description: 'Depthwise, then pointwise-kernel [1, 1, in · depthMultiplier, filters]' },
)
export const Conv2dTransposeLayer = Type.Object(
  { type: Type.Literal('conv2d-transpose'), ...wiring, ...outputs, ...window2d, ...rest },
  { ...strict, description: 'Gradient of a convolution, as a layer; kernel [height, width, out, in]' },
)
