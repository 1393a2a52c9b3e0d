import { type Static, type TProperties, Type } from 'typebox'
import { MONITORS } from './early-stopping.js'
import { SMALLEST_FLOAT32 } from './float32.js'

const MAX_STEPS = 100_000_000

const strict = { additionalProperties: false }
const steps = (minimum: number, description: string) => Type.Integer({ minimum, maximum: MAX_STEPS, description })
const period = (description: string) => steps(1, description)
const beginStep = Type.Integer({
  minimum: 0,
  maximum: MAX_STEPS,
  default: 0,
  description: 'The learning rate is constant before this step',
})
const endStep = Type.Optional(steps(1, 'Default: the number of steps of the job'))
const fraction = (byDefault: number, description: string) =>
  Type.Number({ minimum: 0, maximum: 1, default: byDefault, description })
const finalFraction = fraction(0, 'Share of the learning rate that is left at endStep')
const rate = (description: string) => Type.Number({ minimum: SMALLEST_FLOAT32, maximum: 1, description })
const staircase = Type.Boolean({ default: false, description: 'Only whole multiples of decaySteps count' })
const factor = (description: string) =>
  Type.Number({ minimum: SMALLEST_FLOAT32, maximum: 1, default: 0.1, description })

const warmup = {
  warmupSteps: Type.Integer({
    minimum: 0,
    maximum: MAX_STEPS,
    default: 0,
    description: 'Steps over which the learning rate first rises in a straight line to where the schedule then starts',
  }),
  warmupInitialFraction: fraction(0, 'Share of that learning rate at step 0, if there are warm-up steps'),
}
const withWarmup = <P extends TProperties>(fields: P, description: string) =>
  Type.Object({ ...fields, ...warmup }, { ...strict, description })

const Constant = withWarmup({ kind: Type.Literal('constant') }, 'lr')

const Step = withWarmup(
  {
    kind: Type.Literal('step'),
    everySteps: period('Steps between two cuts'),
    factor: factor('What the learning rate is multiplied by at each cut'),
  },
  'lr · factor^⌊e / everySteps⌋, e = steps since the warm-up',
)

const Piecewise = withWarmup(
  {
    kind: Type.Literal('piecewise'),
    pieces: Type.Array(
      Type.Object(
        {
          beginStep: steps(1, 'First step of the piece; each later than the one before'),
          fraction: Type.Number({ minimum: 0, maximum: 1000, description: 'The learning rate there is lr · fraction' }),
        },
        strict,
      ),
      { minItems: 1, maxItems: 1000, description: 'Before the first piece the learning rate is lr' },
    ),
  },
  'lr, then lr · fraction of the piece that the step lies in',
)

const Exponential = withWarmup(
  {
    kind: Type.Literal('exponential'),
    rate: rate('What decaySteps steps multiply the learning rate by'),
    decaySteps: period('Steps that it takes to multiply by rate'),
    staircase,
  },
  'lr · rate^(e / decaySteps), e = steps since the warm-up',
)

const InverseTime = withWarmup(
  {
    kind: Type.Literal('inverse-time'),
    rate: Type.Number({ minimum: 0, maximum: 1e6, description: 'Growth of the divisor in decaySteps steps' }),
    decaySteps: period('Steps in which the divisor grows by rate'),
    staircase,
  },
  'lr / (1 + rate · e / decaySteps), e = steps since the warm-up',
)

const Cosine = withWarmup(
  {
    kind: Type.Literal('cosine'),
    beginStep,
    endStep,
    finalFraction,
    oscillate: Type.Boolean({
      default: false,
      description: 'After endStep up again at the same pace, and down, and so on, instead of staying low',
    }),
  },
  'lr · (f + (1 − f) · ½ (1 + cos(π · (step − beginStep) / (endStep − beginStep)))); it begins at the end of the warm-up, if that is later than beginStep',
)

const CosineRestarts = withWarmup(
  {
    kind: Type.Literal('cosine-restarts'),
    firstPeriodSteps: period('Length of the first period'),
    periodFactor: Type.Number({
      minimum: 1,
      maximum: 100,
      default: 2,
      description: 'Length of a period, as a multiple of the one before',
    }),
    peakFactor: Type.Number({
      minimum: SMALLEST_FLOAT32,
      maximum: 1,
      default: 1,
      description: 'Height of a period, as a multiple of the one before',
    }),
    finalFraction: fraction(0, 'Share of the learning rate that is left at the end of a period'),
  },
  'lr · (f + (1 − f) · peakFactorⁱ · ½ (1 + cos(π · share of period i))); period 0 begins at the end of the warm-up',
)

const Polynomial = withWarmup(
  {
    kind: Type.Literal('polynomial'),
    beginStep,
    endStep,
    finalFraction,
    power: Type.Number({ minimum: 0, maximum: 100, default: 1, description: '1 is a straight line' }),
    cycle: Type.Boolean({
      default: false,
      description:
        'After endStep start anew on a line that ends at the next multiple of the length, and so starts lower',
    }),
  },
  'lr · (f + (1 − f) · (1 − (step − beginStep) / (endStep − beginStep))^power); it begins at the end of the warm-up, if that is later than beginStep',
)

const Linear = Type.Object(
  {
    kind: Type.Literal('linear'),
    initialFraction: fraction(1, 'Share of the learning rate up to beginStep'),
    finalFraction: fraction(0, 'Share of the learning rate from endStep on'),
    beginStep,
    endStep,
  },
  { ...strict, description: 'lr · a straight line from initialFraction at beginStep to finalFraction at endStep' },
)

const OneCycle = Type.Object(
  {
    kind: Type.Literal('one-cycle'),
    pctStart: Type.Number({
      minimum: 0,
      maximum: 1,
      default: 0.3,
      description: 'Share of the steps of the job in which the learning rate rises; at most 0.5 with threePhase',
    }),
    divFactor: Type.Number({ minimum: 1, maximum: 1e6, default: 25, description: 'It starts at lr / divFactor' }),
    finalDivFactor: Type.Number({
      minimum: 1,
      maximum: 1e9,
      default: 1e4,
      description: 'It ends, with the last step of the job, at lr / divFactor / finalDivFactor',
    }),
    anneal: Type.Enum(['cosine', 'linear'], { default: 'cosine', description: 'Form of rise and fall' }),
    threePhase: Type.Boolean({
      default: false,
      description: 'Fall back to lr / divFactor as fast as it rose, and only then to the end',
    }),
  },
  { ...strict, description: 'Up to the learning rate, which is the peak here, and down again, over the whole job' },
)

const Plateau = withWarmup(
  {
    kind: Type.Literal('plateau'),
    monitor: Type.Enum([...MONITORS], {
      default: 'validation.loss',
      description:
        'Looked at every `validation.everySteps` steps, by default at the end of each epoch; what it was before the masks of a pruned job were updated is forgotten. `loss` is the mean over the steps since it was looked at last; `validation.…` needs rows held out, and the metric in `metrics`',
    }),
    factor: Type.Number({
      minimum: SMALLEST_FLOAT32,
      maximum: 1 - 2 ** -24,
      default: 0.1,
      description: 'What the learning rate is multiplied by at each cut',
    }),
    patience: Type.Integer({
      minimum: 1,
      maximum: 100_000,
      default: 10,
      description: 'Evaluations in a row without improvement after which it is cut',
    }),
    minDelta: Type.Number({
      minimum: 0,
      maximum: 1e30,
      default: 1e-4,
      description: 'A value counts as an improvement if it is better by more than this',
    }),
    cooldown: Type.Integer({
      minimum: 0,
      maximum: 100_000,
      default: 0,
      description: 'Evaluations after a cut that are not counted',
    }),
    minLearningRate: Type.Number({
      minimum: 0,
      maximum: 1000,
      default: 0,
      description: 'It is never cut to less',
    }),
  },
  'lr, cut whenever the monitored number has not improved for `patience` evaluations',
)

/**
 * How the learning rate goes over a job. Steps are updates of the weights, from 0; a field named `…Step` is a step of the job, one named `…Steps`
 * a number of steps.
 */
export const LearningRateSchedule = Type.Union(
  [Constant, Step, Piecewise, Exponential, InverseTime, Cosine, CosineRestarts, Polynomial, Linear, OneCycle, Plateau],
  { default: { kind: 'constant' }, $id: 'LearningRateSchedule' },
)
export type LearningRateSchedule = Static<typeof LearningRateSchedule>
export type PlateauSchedule = Static<typeof Plateau>
export type ScheduleOf<K extends LearningRateSchedule['kind']> = Extract<LearningRateSchedule, { kind: K }>
