import { Type } from 'typebox'
import { Conv1dLayer, Conv2dLayer, DepthwiseConv2dLayer } from './convolution.js'
import { DenseLayer } from './dense.js'
import { strict, wiring } from './fields.js'
import {
  AveragePooling2dLayer,
  GlobalAveragePoolingLayer,
  GlobalMaxPoolingLayer,
  MaxPooling2dLayer,
} from './pooling.js'
import { FlattenLayer } from './shape.js'

const WIRING = ['name', 'inputs'] as const

/** Layers that may be applied to every step of time: those that keep no state and draw nothing. */
const Inner = Type.Union(
  [
    Type.Omit(DenseLayer, WIRING, strict),
    Type.Omit(Conv1dLayer, WIRING, strict),
    Type.Omit(Conv2dLayer, WIRING, strict),
    Type.Omit(DepthwiseConv2dLayer, WIRING, strict),
    Type.Omit(MaxPooling2dLayer, WIRING, strict),
    Type.Omit(AveragePooling2dLayer, WIRING, strict),
    Type.Omit(GlobalAveragePoolingLayer, WIRING, strict),
    Type.Omit(GlobalMaxPoolingLayer, WIRING, strict),
    Type.Omit(FlattenLayer, WIRING, strict),
  ],
  { $id: 'InnerLayer' },
)

export const TimeDistributedLayer = Type.Object(
  { type: Type.Literal('time-distributed'), ...wiring, layer: Inner },
  {
    ...strict,
    description: 'The same layer on every step: [time, …] → [time, …]; the inner layer has no name and no inputs',
  },
)
