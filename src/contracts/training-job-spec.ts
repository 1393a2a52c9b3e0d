import { type Static, Type } from 'typebox'
import { ClippingSpec } from './clipping.js'
import { EarlyStopping, MONITORS } from './early-stopping.js'
import { EXPORT_FORMAT_NAMES, EXPORT_FORMATS } from './export-format.js'
import { DatasetId } from './ids.js'
import { ClassWeights, LOSSES, LossOptions } from './loss.js'
import { METRICS } from './metric-name.js'
import { ModelSpec } from './model.js'
import { OptimizerSpec } from './optimizer.js'
import { PruningSpec } from './pruning.js'
import { JOB_KINDS, SensitivityScan } from './sensitivity-scan.js'

const strict = { additionalProperties: false }

const Validation = Type.Object(
  {
    fraction: Type.Number({
      minimum: 0,
      maximum: 0.9,
      default: 0,
      description: 'Share of the training rows held out, drawn by the seed',
    }),
    stratified: Type.Boolean({
      default: false,
      description: 'Every class is held out in proportion; needs class labels',
    }),
    folds: Type.Optional(
      Type.Integer({
        minimum: 2,
        maximum: 100,
        description:
          'Cross-validation: the rows are split into so many folds by the seed, and `fold` is held out; instead of `fraction`',
      }),
    ),
    fold: Type.Optional(Type.Integer({ minimum: 0, maximum: 99, description: 'From 0; default 0' })),
    everySteps: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100_000_000,
        description: 'Updates between two evaluations; default: an epoch',
      }),
    ),
  },
  { ...strict, default: {} },
)

const Checkpoints = Type.Object(
  {
    everySteps: Type.Integer({
      minimum: 1,
      maximum: 100_000_000,
      default: 500,
      description: 'Updates between two checkpoints',
    }),
    keep: Type.Integer({ minimum: 1, maximum: 100, default: 3, description: 'The newest are kept' }),
    best: Type.Optional(
      Type.Object(
        {
          monitor: Type.Enum([...MONITORS], { default: 'validation.loss', description: 'As in `earlyStopping`' }),
          mode: Type.Optional(Type.Enum(['min', 'max'], { description: 'As in `earlyStopping`' })),
        },
        {
          ...strict,
          description:
            'The job ends with the weights of the evaluation at which the monitored number was best; with pruning, of those after the last mask update',
        },
      ),
    ),
  },
  { ...strict, default: {} },
)

const Sampling = Type.Object(
  {
    length: Type.Integer({ minimum: 1, maximum: 10_000, default: 200, description: 'Characters to write' }),
    temperature: Type.Number({
      minimum: 0,
      maximum: 10,
      default: 1,
      description: 'Logits are divided by it; 0 takes the likeliest character every time',
    }),
    prompt: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1000,
        description: 'Text to go on from; default: the first character of the vocabulary',
      }),
    ),
  },
  { ...strict, description: 'Text that the finished model writes, as artifact `sample.txt`; needs token labels' },
)

const EXAMPLE = {
  name: 'two-layer regression',
  datasetId: 'ds_01979f4e-8f43-7b1c-a3a0-1f2d3c4b5a69',
  model: {
    kind: 'layers',
    inputShape: [3],
    layers: [
      { type: 'dense', name: 'hidden', units: 10, activation: 'relu' },
      { type: 'dense', name: 'output', units: 1 },
    ],
  },
  loss: 'mean-squared-error',
  optimizer: { kind: 'sgd', learningRate: 0.01 },
  epochs: 100,
  batchSize: 32,
  seed: 7,
  clipping: { mode: 'global-norm', maxNorm: 1 },
}

/** What a client asks for. Every default is filled in and returned in the stored job. */
export const TrainingJobSpec = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    kind: Type.Enum([...JOB_KINDS], {
      default: 'training',
      description:
        '`training`, or `sensitivity-scan`: what a finished model loses when weights of one layer are removed, measured without training',
    }),
    datasetId: DatasetId,
    model: ModelSpec,
    normalization: Type.Enum(['standardize', 'none'], {
      default: 'standardize',
      description:
        '`standardize`: (x − mean) / deviation, over the training rows, per column of tables and per channel of images',
    }),
    loss: Type.Optional(
      Type.Enum([...LOSSES], {
        description:
          'Default: sparse-categorical-crossentropy for classes and tokens, binary-crossentropy for labels, mean-squared-error for numbers',
      }),
    ),
    lossOptions: Type.Union([LossOptions], { default: {} }),
    classWeights: Type.Optional(ClassWeights),
    metrics: Type.Optional(
      Type.Array(Type.Enum([...METRICS]), {
        uniqueItems: true,
        maxItems: 10,
        description:
          'Of k classes top-k-accuracy and above are refused, since they are always 1. Default: accuracy for classes and labels, accuracy and perplexity for tokens, mean-absolute-error for numbers',
      }),
    ),
    optimizer: OptimizerSpec,
    epochs: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100_000,
        description: 'Passes over the data; default 10 when `steps` is absent',
      }),
    ),
    steps: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100_000_000, description: 'Optimizer updates; instead of `epochs`' }),
    ),
    batchSize: Type.Integer({
      minimum: 1,
      maximum: 65_536,
      default: 128,
      description: 'Examples of a mini-batch; at most the rows that train',
    }),
    seed: Type.Integer({
      minimum: 0,
      maximum: 2_147_483_647,
      default: 0,
      description: 'Initial weights, shuffling, splitting: same spec, data and seed give the same bits',
    }),
    validation: Validation,
    earlyStopping: Type.Optional(EarlyStopping),
    clipping: ClippingSpec,
    pruning: Type.Optional(PruningSpec),
    scan: Type.Optional(SensitivityScan),
    checkpoints: Checkpoints,
    sampling: Type.Optional(Sampling),
    exports: Type.Array(Type.Enum(EXPORT_FORMAT_NAMES), {
      uniqueItems: true,
      minItems: 1,
      default: ['safetensors'],
      description: `Files to deliver. ${EXPORT_FORMAT_NAMES.map((name) => `\`${name}\`: ${EXPORT_FORMATS[name]}`).join('; ')}`,
    }),
    engine: Type.Object(
      {
        xla: Type.Enum(['auto', 'always', 'never'], {
          default: 'auto',
          description:
            '`auto`: never for convolutions and recurrent layers, else the faster of the two in a short race; the choice is stored with the job',
        }),
      },
      { ...strict, default: {} },
    ),
    limits: Type.Object(
      {
        maxSeconds: Type.Integer({
          minimum: 1,
          maximum: 2_147_483,
          default: 86_400,
          description:
            'Running time of all attempts together, without waiting in the queue and between attempts; then the job fails',
        }),
        maxAttempts: Type.Integer({
          minimum: 1,
          maximum: 20,
          default: 3,
          description: 'Executions before a job whose trainer keeps dying is failed',
        }),
      },
      { ...strict, default: {} },
    ),
    priority: Type.Integer({ minimum: 0, maximum: 1000, default: 0, description: 'Higher is sooner' }),
    metadata: Type.Record(Type.String({ pattern: '^[A-Za-z0-9_.-]{1,64}$' }), Type.String({ maxLength: 512 }), {
      additionalProperties: Type.Never(), // Not `false`, on which TypeBox's Value.Default fails for records.
      maxProperties: 16,
      default: {},
    }),
  },
  { ...strict, $id: 'TrainingJobSpec', examples: [EXAMPLE] },
)
export type TrainingJobSpec = Static<typeof TrainingJobSpec>
