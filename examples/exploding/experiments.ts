import type { BuiltinSource } from '../../src/contracts/dataset.js'
import type { TrainingJob } from '../../src/contracts/training-job.js'

/** Jobs of an arm, each with a seed of its own. */
export const SEEDS = 5

/** Both arms of a seed begin with the same weights and see the same batches; all that differs is the field `clipping` of the spec. */
export const ARMS = { clipped: { mode: 'global-norm', maxNorm: 1 }, unclipped: { mode: 'none' } } as const
export type Arm = keyof typeof ARMS
export const ARM_NAMES = ['clipped', 'unclipped'] as const satisfies readonly Arm[]

export interface Experiment {
  readonly name: string
  readonly description: string
  readonly dataset: Omit<BuiltinSource, 'kind'>
  /** As a client would write it, but for `datasetId`, `seed` and `clipping`. */
  readonly spec: Readonly<Record<string, unknown>>
  /** What is counted. */
  readonly event: 'solved' | 'non-finite'
  /** In how many of the jobs of an arm it has to happen: at least, at most. */
  readonly expected: Readonly<Record<Arm, readonly [number, number]>>
}

const normal = { kind: 'normal', deviation: 0.1 }

/**
 * The class of a sequence is the order of two symbols, about 20 places apart, the first about 40 places before the answer.
 * @see Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", 2013: SGD with clipping at 1.
 */
const temporalOrder: Experiment = {
  name: 'temporal order',
  description: '50 symbols, 50 tanh units, SGD 0.1, batches of 20, at most 5,000 steps',
  // Fresh sequences for every step, but for the last few: 5,000 · 20 = 100,000, of which 1,000 are held out.
  dataset: { name: 'temporal-order', rows: 100_000, testRows: 10_000, length: 50 },
  spec: {
    model: {
      kind: 'layers',
      inputShape: [50, 6],
      layers: [
        {
          type: 'simple-rnn',
          units: 50,
          activation: 'tanh',
          kernelInitializer: normal,
          recurrentInitializer: 'orthogonal',
        },
        { type: 'dense', units: 4, kernelInitializer: normal, name: 'output' },
      ],
    },
    normalization: 'none',
    metrics: ['accuracy'],
    optimizer: { kind: 'sgd', learningRate: 0.1 },
    steps: 5000,
    batchSize: 20,
    validation: { fraction: 0.01, everySteps: 250 },
    // More patience than there are evaluations: only the target ends a job early.
    earlyStopping: { monitor: 'validation.accuracy', target: 0.99, patience: 100 },
  },
  event: 'solved',
  expected: { clipped: [4, SEEDS], unclipped: [0, 1] },
}

const hidden = { type: 'dense', units: 100, activation: 'relu', kernelInitializer: 'he-normal' }

/** A plain network that is deep for the rate it is trained at. */
const deepMlp: Experiment = {
  name: 'deep MLP',
  description: 'MNIST, ten layers of 100 ReLU, SGD 0.1 with momentum 0.9, batches of 100, one epoch (600 steps)',
  dataset: { name: 'mnist' },
  spec: {
    model: {
      kind: 'layers',
      inputShape: [28, 28, 1],
      layers: [
        { type: 'flatten' },
        ...Array.from({ length: 10 }, () => hidden),
        { type: 'dense', units: 10, kernelInitializer: 'he-normal', name: 'output' },
      ],
    },
    metrics: ['accuracy'],
    optimizer: { kind: 'sgd', learningRate: 0.1, momentum: 0.9 },
    epochs: 1,
    batchSize: 100,
  },
  event: 'non-finite',
  expected: { clipped: [0, 0], unclipped: [4, SEEDS] },
}

export const EXPERIMENTS: readonly Experiment[] = [temporalOrder, deepMlp]

const NON_FINITE = ['NON_FINITE_GRADIENT', 'DIVERGED']
/** Share of the test sequences that a solution gets right. */
const SOLVED_FROM = 0.99

/**
 * Updates until what the experiment counts had happened; null: it did not.
 * @throws Error if the job ended for a reason that has nothing to do with the experiment
 */
export function stepsUntil(event: Experiment['event'], job: TrainingJob): number | null {
  const { id, status, failure, result } = job
  const isNonFinite = failure !== null && NON_FINITE.includes(failure.code)
  if (!result && !isNonFinite) throw new Error(`${id} ${status}${failure ? `: ${failure.message}` : ''}`)
  if (event === 'non-finite') return isNonFinite ? failure.step : null
  return result && (result.test?.accuracy ?? 0) > SOLVED_FROM ? result.steps : null
}

/** The spec of one job. */
export function specOf(
  { name, spec }: Experiment,
  { arm, seed, datasetId }: { readonly arm: Arm; readonly seed: number; readonly datasetId: string },
) {
  return { ...spec, name: `${name}, ${arm}, seed ${seed}`, datasetId, seed, clipping: ARMS[arm] }
}
