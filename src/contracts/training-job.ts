import { type Static, Type } from 'typebox'
import { ClippingSpec } from './clipping.js'
import { DatasetId, JobId, Timestamp } from './ids.js'
import { ModelSpec } from './model.js'
import { OptimizerSpec } from './optimizer.js'
import { PruningSpec } from './pruning.js'

const strict = { additionalProperties: false }

export const LOSSES = ['sparse-categorical-crossentropy', 'mean-squared-error'] as const
export type LossName = (typeof LOSSES)[number]
export const METRICS = ['accuracy', 'mean-absolute-error'] as const
export type MetricName = (typeof METRICS)[number]
export const EXPORTS = ['safetensors', 'sparse'] as const
export type ExportName = (typeof EXPORTS)[number]

/** What a client asks for. Every default is filled in and returned in the stored job. */
export const TrainingJobSpec = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    datasetId: DatasetId,
    model: ModelSpec,
    normalization: Type.Enum(['standardize', 'none'], {
      default: 'standardize',
      description:
        '`standardize`: (x − mean) / deviation, over the training rows, per column of tables and per channel of images',
    }),
    loss: Type.Enum([...LOSSES], { default: 'sparse-categorical-crossentropy' }),
    metrics: Type.Optional(
      Type.Array(Type.Enum([...METRICS]), {
        uniqueItems: true,
        maxItems: 10,
        description: 'Default: accuracy for class labels, mean-absolute-error for numbers',
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
    batchSize: Type.Integer({ minimum: 1, maximum: 65_536, default: 128 }),
    seed: Type.Integer({
      minimum: 0,
      maximum: 2_147_483_647,
      default: 0,
      description: 'Initial weights, shuffling, splitting: same spec, data and seed give the same bits',
    }),
    validation: Type.Object(
      {
        fraction: Type.Number({
          minimum: 0,
          maximum: 0.9,
          default: 0,
          description: 'Share of the training rows held out, drawn by the seed',
        }),
      },
      { ...strict, default: {} },
    ),
    clipping: ClippingSpec,
    pruning: Type.Optional(PruningSpec),
    checkpoints: Type.Object(
      {
        everySteps: Type.Integer({ minimum: 1, default: 500 }),
        keep: Type.Integer({ minimum: 1, maximum: 100, default: 3 }),
      },
      { ...strict, default: {} },
    ),
    exports: Type.Array(Type.Enum([...EXPORTS]), { uniqueItems: true, minItems: 1, default: ['safetensors'] }),
    engine: Type.Object(
      {
        xla: Type.Enum(['auto', 'always', 'never'], {
          default: 'auto',
          description:
            '`auto`: never for convolutions, else the faster of the two in a short race; the choice is stored with the job',
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
          description: 'From the start of the first attempt, waiting between attempts included; then the job fails',
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
  { ...strict, $id: 'TrainingJobSpec' },
)
export type TrainingJobSpec = Static<typeof TrainingJobSpec>

export const JOB_STATUSES = ['queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled'] as const
export type JobStatus = (typeof JOB_STATUSES)[number]
export const TERMINAL_STATUSES: readonly JobStatus[] = ['succeeded', 'failed', 'cancelled']

/** Where a running job stands; replaced about twice a second while it runs. */
export const JobProgress = Type.Object(
  {
    step: Type.Integer({ description: 'Updates done' }),
    steps: Type.Integer({ description: 'Updates in all' }),
    epoch: Type.Integer({ description: 'From 0' }),
    loss: Type.Number(),
    accuracy: Type.Union([Type.Number(), Type.Null()], {
      description: 'Share of right answers in the last batches; null unless `accuracy` is among the metrics',
    }),
    gradientNorm: Type.Number({ description: 'L2 norm over all gradients, before clipping' }),
    clippedStepShare: Type.Number({ description: 'Share of steps, so far, in which clipping changed a gradient' }),
    sparsity: Type.Number({ description: 'Share of the prunable weights that is removed' }),
    stepsPerSecond: Type.Number(),
    etaSeconds: Type.Union([Type.Number(), Type.Null()]),
  },
  strict,
)
export type JobProgress = Static<typeof JobProgress>

/** What has to be equal for a run to repeat bit for bit. */
export const EnginePins = Type.Object(
  {
    tensorflow: Type.String({ examples: ['2.21.0'] }),
    device: Type.Enum(['cpu', 'gpu']),
    intraOpThreads: Type.Integer(),
    oneDnn: Type.Boolean(),
    xla: Type.Boolean(),
    seed: Type.Integer(),
  },
  strict,
)
export type EnginePins = Static<typeof EnginePins>

const LayerSparsity = Type.Object(
  { layer: Type.String(), weights: Type.Integer(), removed: Type.Integer(), sparsity: Type.Number() },
  strict,
)

export const JobResult = Type.Object(
  {
    steps: Type.Integer(),
    epochs: Type.Number(),
    parameters: Type.Integer(),
    train: Type.Record(Type.String(), Type.Number(), { description: 'Means over the last epoch: loss and metrics' }),
    validation: Type.Union([Type.Record(Type.String(), Type.Number()), Type.Null()]),
    test: Type.Union([Type.Record(Type.String(), Type.Number()), Type.Null()], {
      description: 'On the test split of the dataset, at the last step; null when it has none',
    }),
    clippedStepShare: Type.Number(),
    sparsity: Type.Number({ description: 'Share of the prunable weights that is removed' }),
    perLayerSparsity: Type.Array(LayerSparsity),
    bytes: Type.Object(
      { dense: Type.Integer(), gzip: Type.Integer(), sparse: Type.Integer() },
      { ...strict, description: 'Weights as safetensors, the same gzipped, and the sparse container; measured' },
    ),
    weightsSha256: Type.String(),
    msPerStep: Type.Number({
      description: 'Wall time of the training steps of the last attempt, without set-up and evaluation',
    }),
    pins: EnginePins,
  },
  strict,
)
export type JobResult = Static<typeof JobResult>

export const JobFailure = Type.Object(
  {
    code: Type.String({ examples: ['NON_FINITE_GRADIENT'] }),
    message: Type.String(),
    step: Type.Union([Type.Integer(), Type.Null()]),
  },
  strict,
)
export type JobFailure = Static<typeof JobFailure>

const orNull = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()])

export const TrainingJob = Type.Object(
  {
    id: JobId,
    status: Type.Enum([...JOB_STATUSES], { description: 'No job can be paused yet' }),
    spec: TrainingJobSpec,
    attempt: Type.Integer({ description: 'Executions begun; 0 while the first is awaited' }),
    cancelRequested: Type.Boolean(),
    progress: orNull(JobProgress),
    result: orNull(JobResult),
    failure: orNull(JobFailure),
    createdAt: Timestamp,
    startedAt: orNull(Timestamp),
    endedAt: orNull(Timestamp),
  },
  { ...strict, $id: 'TrainingJob' },
)
export type TrainingJob = Static<typeof TrainingJob>

/** What a spec amounts to, computed without running it. */
export const TrainingPlan = Type.Object(
  {
    spec: TrainingJobSpec,
    steps: Type.Integer(),
    stepsPerEpoch: Type.Integer(),
    trainRows: Type.Integer(),
    validationRows: Type.Integer(),
    testRows: Type.Integer(),
    parameters: Type.Integer(),
    layers: Type.Array(
      Type.Object(
        {
          name: Type.String(),
          type: Type.String(),
          outputShape: Type.Array(Type.Integer()),
          parameters: Type.Integer(),
          prunable: Type.Boolean({ description: 'Its kernel is pruned by this spec' }),
        },
        strict,
      ),
    ),
  },
  { ...strict, $id: 'TrainingPlan' },
)
export type TrainingPlan = Static<typeof TrainingPlan>
