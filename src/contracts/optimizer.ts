import { type Static, Type } from 'typebox'
import { LARGEST_FLOAT32_BELOW_1, SMALLEST_FLOAT32 } from './float32.js'

const strict = { additionalProperties: false }
const learningRate = (byDefault: number) =>
  Type.Number({
    minimum: SMALLEST_FLOAT32,
    maximum: 1000,
    default: byDefault,
    description: 'Before the schedule is applied',
  })
const Fraction = (byDefault: number, description: string) =>
  Type.Number({ minimum: 0, maximum: LARGEST_FLOAT32_BELOW_1, default: byDefault, description })
const l2 = Type.Number({
  minimum: 0,
  maximum: 10,
  default: 0,
  description: 'Coupled L2 penalty: g ← g + l2 · w for kernels (not biases), after clipping',
})

const LearningRateSchedule = Type.Union(
  [
    Type.Object({ kind: Type.Literal('constant') }, strict),
    Type.Object(
      {
        kind: Type.Literal('cosine'),
        beginStep: Type.Integer({
          minimum: 0,
          default: 0,
          description: 'The learning rate is constant before this step',
        }),
        endStep: Type.Optional(Type.Integer({ minimum: 1, description: 'Default: the number of steps of the job' })),
        finalFraction: Type.Number({
          minimum: 0,
          maximum: 1,
          default: 0,
          description: 'Share of the learning rate that is left at endStep',
        }),
      },
      { ...strict, description: 'lr · (f + (1 − f) · ½ (1 + cos(π · (step − beginStep) / (endStep − beginStep))))' },
    ),
  ],
  { default: { kind: 'constant' } },
)

const SgdOptimizer = Type.Object(
  {
    kind: Type.Literal('sgd'),
    learningRate: learningRate(0.01),
    momentum: Fraction(0, 'v ← momentum · v − lr · g'),
    nesterov: Type.Boolean({ default: false, description: 'w ← w + momentum · v − lr · g instead of w ← w + v' }),
    l2,
    schedule: LearningRateSchedule,
  },
  strict,
)
const AdamOptimizer = Type.Object(
  {
    kind: Type.Literal('adam'),
    learningRate: learningRate(0.001),
    beta1: Fraction(0.9, 'Decay of the first moment'),
    beta2: Fraction(0.999, 'Decay of the second moment'),
    epsilon: Type.Number({ minimum: SMALLEST_FLOAT32, maximum: 1, default: 1e-7, description: 'Added to √v' }),
    l2,
    schedule: LearningRateSchedule,
  },
  strict,
)
/** How weights follow from gradients; steps count from 0. */
export const OptimizerSpec = Type.Union([SgdOptimizer, AdamOptimizer], { default: { kind: 'adam' } })
export type OptimizerSpec = Static<typeof OptimizerSpec>
