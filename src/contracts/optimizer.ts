import { type Static, type TProperties, Type } from 'typebox'
import { LARGEST_FLOAT32_BELOW_1, SMALLEST_FLOAT32 } from './float32.js'
import { LearningRateSchedule } from './learning-rate-schedule.js'

const strict = { additionalProperties: false }
const fraction = (byDefault: number, description: string) =>
  Type.Number({ minimum: 0, maximum: LARGEST_FLOAT32_BELOW_1, default: byDefault, description })
const positive = (byDefault: number, description: string) =>
  Type.Number({ minimum: SMALLEST_FLOAT32, maximum: 1, default: byDefault, description })
const upTo = (maximum: number, byDefault: number, description: string) =>
  Type.Number({ minimum: 0, maximum, default: byDefault, description })
const beta1 = fraction(0.9, 'Decay of the first moment')
const beta2 = (byDefault = 0.999) => fraction(byDefault, 'Decay of the second moment')
const amsgrad = Type.Boolean({ default: false, description: 'Use the largest v so far instead of v' })

const l2 = upTo(10, 0, 'Coupled L2 penalty: g ← g + l2 · w for kernels and embeddings (not biases), after clipping')
const weightDecay = (byDefault = 0) =>
  upTo(
    10,
    byDefault,
    'Decoupled: w ← w − lr · weightDecay · w for kernels and embeddings (not biases), before the update',
  )
const ema = Type.Optional(
  Type.Object(
    { decay: fraction(0.99, 'e ← decay · e + (1 − decay) · w after each update, from the weights at the start') },
    {
      ...strict,
      $id: 'WeightAverage',
      description: 'Average of the weights over the steps; evaluation and export use it instead of the weights',
    },
  ),
)
const accumulateSteps = Type.Integer({
  minimum: 1,
  maximum: 10_000,
  default: 1,
  description: 'Mini-batches whose mean gradient makes one update',
})

/** An optimizer by name, with the fields that all have. */
const optimizer = <K extends string, P extends TProperties>(
  kind: K,
  fields: P,
  defaults: { learningRate?: number; weightDecay?: number } = {},
) =>
  Type.Object(
    {
      kind: Type.Literal(kind),
      learningRate: Type.Number({
        minimum: SMALLEST_FLOAT32,
        maximum: 1000,
        default: defaults.learningRate ?? 0.001,
        description: 'Before the schedule is applied',
      }),
      ...fields,
      l2,
      weightDecay: weightDecay(defaults.weightDecay),
      ema,
      accumulateSteps,
      schedule: LearningRateSchedule,
    },
    strict,
  )

const Sgd = optimizer(
  'sgd',
  {
    momentum: fraction(0, 'v ← momentum · v − lr · g'),
    nesterov: Type.Boolean({ default: false, description: 'w ← w + momentum · v − lr · g instead of w ← w + v' }),
  },
  { learningRate: 0.01 },
)
const RmsProp = optimizer('rmsprop', {
  rho: fraction(0.9, 'Decay of the mean of g²'),
  momentum: fraction(0, 'b ← momentum · b + step; w ← w − b'),
  epsilon: positive(1e-7, 'Added to the mean of g², under the root'),
  centered: Type.Boolean({
    default: false,
    description: 'Divide by the standard deviation of g instead of its root mean square',
  }),
})
const Adagrad = optimizer('adagrad', {
  initialAccumulatorValue: upTo(1e6, 0.1, 'Sum of g² before the first step'),
  epsilon: positive(1e-7, 'Added to the sum of g², under the root'),
})
const Adadelta = optimizer('adadelta', {
  rho: fraction(0.95, 'Decay of the means of g² and of the squared changes'),
  epsilon: positive(1e-7, 'Added to both means, under the root'),
})
const adamFields = { beta1, beta2: beta2(), epsilon: positive(1e-7, 'Added to √v'), amsgrad }
const Adam = optimizer('adam', adamFields)
const AdamW = optimizer('adamw', adamFields, { weightDecay: 0.004 })
const Adamax = optimizer('adamax', {
  beta1,
  beta2: fraction(0.999, 'Decay of the largest |g|'),
  epsilon: positive(1e-7, 'Added to the largest |g|'),
})
const Nadam = optimizer('nadam', { beta1, beta2: beta2(), epsilon: positive(1e-7, 'Added to √v') })
const Lion = optimizer('lion', {
  beta1: fraction(0.9, 'Weight of the momentum in the sign that is taken'),
  beta2: fraction(0.99, 'Decay of the momentum'),
})
const Ftrl = optimizer('ftrl', {
  learningRatePower: Type.Number({
    minimum: -1,
    maximum: 0,
    default: -0.5,
    description: 'The rate of a weight falls with its sum of g² to this power; 0: it does not',
  }),
  initialAccumulatorValue: Type.Number({
    minimum: SMALLEST_FLOAT32,
    maximum: 1e6,
    default: 0.1,
    description: 'Sum of g² before the first step',
  }),
  l1: upTo(1e6, 0, 'Strength of the L1 penalty, which makes weights exactly zero'),
  l2Regularization: upTo(1e6, 0, 'Strength of the L2 penalty of the algorithm itself'),
  l2Shrinkage: upTo(1e6, 0, 'L2 penalty on the gradient: g + 2 · l2Shrinkage · w; the sum of g² does not see it'),
  beta: upTo(1e6, 0, 'l2Regularization is raised by beta / (2 · lr)'),
})
const Adafactor = optimizer('adafactor', {
  beta2Decay: Type.Number({
    minimum: -10,
    maximum: -0.01,
    default: -0.8,
    description: 'The second moments of step t decay by 1 − t^beta2Decay',
  }),
  epsilon1: positive(1e-30, 'Added to g²'),
  epsilon2: positive(1e-3, 'Least root mean square of the weights that the step is a share of'),
  clipThreshold: Type.Number({
    minimum: SMALLEST_FLOAT32,
    maximum: 1e6,
    default: 1,
    description: 'Largest root mean square of an update before it is multiplied by the rate',
  }),
})

/** How weights follow from gradients; steps count from 0. */
export const OptimizerSpec = Type.Union(
  [Sgd, RmsProp, Adagrad, Adadelta, Adam, AdamW, Adamax, Nadam, Lion, Ftrl, Adafactor],
  { default: { kind: 'adam' }, $id: 'OptimizerSpec' },
)
export type OptimizerSpec = Static<typeof OptimizerSpec>
export type OptimizerKind = OptimizerSpec['kind']
export type OptimizerOf<K extends OptimizerKind> = Extract<OptimizerSpec, { kind: K }>
