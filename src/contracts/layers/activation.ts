import { Type } from 'typebox'
import { Activation, initializerField, strict, wiring } from './fields.js'

const slope = (byDefault: number, description: string) =>
  Type.Number({ minimum: 0, maximum: 1000, default: byDefault, description })

export const ActivationLayer = Type.Object(
  { type: Type.Literal('activation'), ...wiring, activation: Activation },
  strict,
)
export const ReluLayer = Type.Object(
  {
    type: Type.Literal('relu'),
    ...wiring,
    maxValue: Type.Optional(Type.Number({ minimum: 0, maximum: 1e6, description: 'Larger outputs become this' })),
    negativeSlope: slope(0, 'Factor below the threshold'),
    threshold: slope(0, 'Smaller inputs give negativeSlope · (x − threshold)'),
  },
  strict,
)
export const LeakyReluLayer = Type.Object(
  { type: Type.Literal('leaky-relu'), ...wiring, negativeSlope: slope(0.3, 'Factor below 0') },
  strict,
)
export const EluLayer = Type.Object(
  { type: Type.Literal('elu'), ...wiring, alpha: slope(1, 'alpha · (exp(x) − 1) below 0') },
  strict,
)
export const PreluLayer = Type.Object(
  {
    type: Type.Literal('prelu'),
    ...wiring,
    sharedAxes: Type.Array(Type.Integer({ minimum: 1, maximum: 4 }), {
      uniqueItems: true,
      maxItems: 4,
      default: [],
      description: 'Axes (from 1, the batch is 0) along which all share one alpha',
    }),
    alphaInitializer: initializerField('zeros'),
  },
  { ...strict, description: 'alpha · x below 0; alpha is trained' },
)
export const SoftmaxLayer = Type.Object(
  {
    type: Type.Literal('softmax'),
    ...wiring,
    axis: Type.Integer({ minimum: -4, maximum: 4, default: -1, description: 'Of the example with its batch axis 0' }),
  },
  strict,
)
