import { type Static, Type } from 'typebox'
import { MONITORS } from './early-stopping.js'
import { EnginePins } from './engine-pins.js'
import { JobId, Timestamp } from './ids.js'
import { TrainingJobSpec } from './training-job-spec.js'

const strict = { additionalProperties: false }
const count = (description: string) => Type.Integer({ minimum: 0, description })
const share = (description: string) => Type.Number({ minimum: 0, maximum: 1, description: `${description}, 0 to 1` })

/** Where a job can stand in its life. */
export const JOB_STATUSES = ['queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled'] as const
/** One of `JOB_STATUSES`. */
export type JobStatus = (typeof JOB_STATUSES)[number]
/** A job in one of these never changes again. */
export const TERMINAL_STATUSES: readonly JobStatus[] = ['succeeded', 'failed', 'cancelled']

/** Where a running job stands; replaced about twice a second while it runs. */
export const JobProgress = Type.Object(
  {
    step: Type.Integer({ minimum: 0, description: 'Updates done; of a scan, measurements' }),
    steps: Type.Integer({ minimum: 1, description: 'Updates in all; of a scan, measurements' }),
    epoch: Type.Integer({ minimum: 0, description: 'That of the last update, from 0' }),
    loss: Type.Number({ description: 'Mean over the last 20 updates' }),
    accuracy: Type.Union([Type.Number({ minimum: 0, maximum: 1 }), Type.Null()], {
      description:
        'Share of right answers, mean over the last 20 updates, 0 to 1; null unless `accuracy` is among the metrics',
    }),
    gradientNorm: Type.Union([Type.Number({ minimum: 0 }), Type.Null()], {
      description:
        'L2 norm over all gradients, before clipping, mean over the last 20 updates; null of a scan, which has none',
    }),
    clippedStepShare: Type.Union([Type.Number({ minimum: 0, maximum: 1 }), Type.Null()], {
      description: 'Share of steps, so far, in which clipping changed a gradient; null of a scan',
    }),
    sparsity: share('Share of the prunable weights that is removed'),
    stepsPerSecond: Type.Number({ minimum: 0, description: 'Over the time since the last report' }),
    etaSeconds: Type.Union([Type.Number({ minimum: 0 }), Type.Null()], {
      description:
        'Seconds until the last step, at the pace of the last reports; 0 after it, also if the job was stopped early; null where an attempt ended before',
    }),
  },
  strict,
)
export type JobProgress = Static<typeof JobProgress>

const means = Type.Record(Type.String(), Type.Number())

const LayerSparsity = Type.Object(
  {
    layer: Type.String({ description: 'Its name' }),
    weights: count('Weights of its kernel'),
    removed: count('Those of them that are removed'),
    sparsity: share('removed / weights'),
  },
  strict,
)

/** What a job that succeeded has to show; every number in it is finite. */
export const JobResult = Type.Object(
  {
    steps: Type.Integer({ minimum: 1, description: 'Updates done; of a scan, measurements' }),
    epochs: Type.Number({ minimum: 0, description: 'Passes over the training rows; the last may be a part of one' }),
    parameters: Type.Integer({ minimum: 1, description: 'Weights and biases, removed ones included' }),
    train: Type.Record(Type.String(), Type.Number(), {
      description:
        'Means over the last epoch, while it was trained: `loss` and the metrics, over the steps that were finite; empty if none was. Of a scan that measured on the rows to train on: the dense network',
    }),
    validation: Type.Union([means, Type.Null()], {
      description: 'Means over the rows held out, of the weights that are delivered; null when none are',
    }),
    test: Type.Union([means, Type.Null()], {
      description: 'Means over the test split of the dataset, of the weights that are delivered; null when it has none',
    }),
    best: Type.Union(
      [
        Type.Object(
          {
            step: Type.Integer({ minimum: 1, description: 'Updates done when it was evaluated' }),
            monitor: Type.Enum([...MONITORS], { description: 'What `checkpoints.best` of the spec watches' }),
            value: Type.Number({ description: 'Of the monitored number, at that evaluation' }),
          },
          strict,
        ),
        Type.Null(),
      ],
      {
        description:
          'The evaluation whose weights are delivered, and measured in `validation` and `test`; null for the weights of the last step: without `checkpoints.best`, or where no evaluation gave the number a value',
      },
    ),
    clippedStepShare: share('Share of steps in which clipping changed a gradient'),
    nonFiniteSteps: count('Steps in which the loss or a gradient was NaN or infinite'),
    sparsity: share('Share of the prunable weights that is removed'),
    perLayerSparsity: Type.Array(LayerSparsity, { description: 'Of the layers that are pruned' }),
    bytes: Type.Object(
      { dense: count('As safetensors'), gzip: count('The same, gzipped'), sparse: count('As the sparse container') },
      { ...strict, description: 'Size of the weights, measured' },
    ),
    quantized: Type.Array(
      Type.Object(
        {
          format: Type.Enum(['float16', 'int8']),
          bytes: count('Of the file'),
          means: Type.Union([means, Type.Null()], {
            description: 'Loss and metrics of the rounded weights, on the rows held out, else on the test split',
          }),
        },
        strict,
      ),
      { description: 'What the quantized files among the exports cost' },
    ),
    weightsSha256: Type.String({ description: 'Of the safetensors file, in hex' }),
    msPerStep: Type.Number({
      minimum: 0,
      description:
        'Milliseconds: wall time of the training steps of the last attempt, without set-up and evaluation; 0 if it took none',
    }),
    pins: EnginePins,
  },
  strict,
)
export type JobResult = Static<typeof JobResult>

/** Why a job failed. */
export const JobFailure = Type.Object(
  {
    code: Type.String({ description: 'Stable UPPER_SNAKE code', examples: ['NON_FINITE_GRADIENT'] }),
    message: Type.String({ description: 'What happened and what may help' }),
    step: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
      description: 'From 0; null if it has to do with no step',
    }),
  },
  strict,
)
export type JobFailure = Static<typeof JobFailure>

const orNull = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()])

/** A job as it stands. */
export const TrainingJob = Type.Object(
  {
    id: JobId,
    status: Type.Enum([...JOB_STATUSES], { description: 'No job can be paused yet' }),
    spec: TrainingJobSpec,
    attempt: Type.Integer({ description: 'Executions begun; 0 while the first is awaited' }),
    cancelRequested: Type.Boolean({ description: 'It ends as soon as its trainer sees that' }),
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
    steps: count('Updates in all; of a scan, measurements'),
    stepsPerEpoch: count('The last, partial batch is one of them; of a scan, all of its measurements'),
    trainRows: count('Rows that are trained on'),
    validationRows: count('Rows held out'),
    testRows: count('Rows of the test split'),
    parameters: count('Weights and biases'),
    memoryBytes: count(
      'Estimate of what training takes, without the dataset: 4 · (parameters · copies + 2 · moving statistics + 3 · batch · activations). Copies are weight, gradient, optimizer slots, and one each for masks, averaged weights and accumulated gradients; activations of an example are the input, the output of every layer, and gates and states of recurrent layers. Above 8 GiB (8589934592) the spec is refused',
    ),
    layers: Type.Array(
      Type.Object(
        {
          name: Type.String(),
          type: Type.String({ examples: ['dense'] }),
          outputShape: Type.Array(Type.Integer(), { description: 'Of one example' }),
          parameters: count('Weights and biases of the layer'),
          prunable: Type.Boolean({ description: 'Its kernel is pruned, or scanned, by this spec' }),
        },
        strict,
      ),
    ),
  },
  { ...strict, $id: 'TrainingPlan' },
)
export type TrainingPlan = Static<typeof TrainingPlan>
