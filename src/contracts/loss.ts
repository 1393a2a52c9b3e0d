import { type Static, Type } from 'typebox'
import { LARGEST_FLOAT32_BELOW_1, SMALLEST_FLOAT32 } from './float32.js'

/** Every loss, by the name that a spec gives it. */
export const LOSSES = [
  'sparse-categorical-crossentropy',
  'categorical-crossentropy',
  'binary-crossentropy',
  'mean-squared-error',
  'mean-absolute-error',
  'huber',
  'log-cosh',
  'mean-squared-logarithmic-error',
  'mean-absolute-percentage-error',
  'cosine-similarity',
  'poisson',
  'hinge',
  'squared-hinge',
  'categorical-hinge',
  'kl-divergence',
] as const
/** What training minimizes: its mean over the examples of a batch. */
export type LossName = (typeof LOSSES)[number]

/** Numbers that some losses take besides outputs and labels; left out, the default of the loss holds. */
export const LossOptions = Type.Object(
  {
    labelSmoothing: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: LARGEST_FLOAT32_BELOW_1,
        description:
          'Share s of the truth that is spread evenly over the classes, [0, 1): t ← t · (1 − s) + s / classes; of the two sides of ' +
          'a label for binary-crossentropy. For cross-entropies, on training and evaluation; default 0',
      }),
    ),
    huberDelta: Type.Optional(
      Type.Number({
        minimum: SMALLEST_FLOAT32,
        maximum: 3.4e38,
        description: 'Error up to which huber is quadratic, in units of the target; default 1',
      }),
    ),
  },
  { additionalProperties: false },
)
export type LossOptions = Static<typeof LossOptions>

/** Losses that an option belongs to; with any other it is an error. */
export const OPTION_LOSSES: Readonly<Record<keyof LossOptions, readonly LossName[]>> = {
  labelSmoothing: ['sparse-categorical-crossentropy', 'categorical-crossentropy', 'binary-crossentropy'],
  huberDelta: ['huber'],
}

/** Weights of the classes in the loss of training. */
export const ClassWeights = Type.Union(
  [
    Type.Literal('balanced', {
      description:
        'rows / (classes that occur · rows of the class): every class weighs the same, and a row 1 on average',
    }),
    Type.Array(Type.Number({ minimum: 0, maximum: 1_000_000 }), {
      minItems: 2,
      maxItems: 100_000,
      description: 'One a class, in the order of the names of the target; not all 0',
    }),
  ],
  {
    description:
      'The loss of an example is multiplied by the weight of its class, in training only; needs class labels',
  },
)
export type ClassWeights = Static<typeof ClassWeights>

/**
 * What the labels of a dataset are: `classes` int32 [rows]; `number` float32 [rows, size]; `labels` float32 0 or 1 [rows, labels], of which
 * any number may hold at once; `tokens` int32 [rows, positions].
 */
export const TARGET_KINDS = ['classes', 'number', 'labels', 'tokens'] as const
export type TargetKind = (typeof TARGET_KINDS)[number]

/** Targets that a loss takes. `number` under categorical-crossentropy and kl-divergence means a share for each class. */
export const LOSS_TARGETS: Readonly<Record<LossName, readonly TargetKind[]>> = {
  'sparse-categorical-crossentropy': ['classes', 'tokens'],
  'categorical-crossentropy': ['classes', 'number'],
  'binary-crossentropy': ['labels', 'classes'],
  'mean-squared-error': ['number'],
  'mean-absolute-error': ['number'],
  huber: ['number'],
  'log-cosh': ['number'],
  'mean-squared-logarithmic-error': ['number'],
  'mean-absolute-percentage-error': ['number'],
  'cosine-similarity': ['number'],
  poisson: ['number'],
  hinge: ['classes', 'labels'],
  'squared-hinge': ['classes', 'labels'],
  'categorical-hinge': ['classes'],
  'kl-divergence': ['classes', 'number'],
}

/** Least and largest number that a loss is defined for as a label, where it is not for all. */
export const LABEL_BOUNDS: Readonly<Partial<Record<LossName, readonly [number, number]>>> = {
  'categorical-crossentropy': [0, 1],
  'kl-divergence': [0, 1],
  'mean-squared-logarithmic-error': [0, Number.POSITIVE_INFINITY],
  poisson: [0, Number.POSITIVE_INFINITY],
}

/**
 * The activation that the loss brings along: the model leaves it out of its last layer and ends in logits, because the logarithm of a
 * probability is exact only when it is computed together with that activation. Null: the loss takes the outputs as they are.
 */
export function takesLogits(loss: LossName): 'softmax' | 'sigmoid' | null {
  switch (loss) {
    case 'sparse-categorical-crossentropy':
    case 'categorical-crossentropy':
      return 'softmax'
    case 'binary-crossentropy':
      return 'sigmoid'
    default:
      return null
  }
}

/** Losses with two sides, under which a single output, the score of the second, decides between two classes. */
export const ONE_OUTPUT_LOSSES: readonly LossName[] = ['binary-crossentropy', 'hinge', 'squared-hinge']

/** Whether a model for two classes may give one number instead of two under this loss. */
export function decidesByOneOutput(loss: LossName): boolean {
  return ONE_OUTPUT_LOSSES.includes(loss)
}

/**
 * A number above this says that its label holds: 0 for the signed scores of hinge, else one half; of the logits that the model gives under
 * binary-crossentropy (`outputs`) 0, which is a probability of one half (`predictions`).
 */
export function decisionThreshold(loss: LossName, of: 'outputs' | 'predictions'): number {
  if (loss === 'hinge' || loss === 'squared-hinge') return 0
  return of === 'outputs' && takesLogits(loss) === 'sigmoid' ? 0 : 0.5
}
