export interface DemoOptions {
  readonly datasetId: string
  /** Rows of the dataset to train on; none are held out. */
  readonly trainRows: number
  readonly seed: number
}

const EPOCHS = 10
const BATCH_SIZE = 100
const DENSE_EPOCHS = 2
const FINE_TUNING_EPOCHS = 3

/** Steps between which the pruning takes place. */
function pruningSteps({ trainRows }: DemoOptions): { beginStep: number; endStep: number } {
  const stepsPerEpoch = Math.ceil(trainRows / BATCH_SIZE)
  return { beginStep: DENSE_EPOCHS * stepsPerEpoch, endStep: (EPOCHS - FINE_TUNING_EPOCHS) * stepsPerEpoch }
}

/** LeNet-300-100 on MNIST, as a client would write it: Nesterov, clipped at a global norm of 1, cosine after the end of the pruning. */
export function denseSpec(options: DemoOptions) {
  const { datasetId, seed } = options
  return {
    name: 'demo: dense control',
    datasetId,
    model: { kind: 'preset', name: 'lenet-300-100' },
    loss: 'sparse-categorical-crossentropy',
    metrics: ['accuracy'],
    optimizer: {
      kind: 'sgd',
      learningRate: 0.05,
      momentum: 0.9,
      nesterov: true,
      l2: 2e-4,
      schedule: { kind: 'cosine', beginStep: pruningSteps(options).endStep },
    },
    epochs: EPOCHS,
    batchSize: BATCH_SIZE,
    seed,
    clipping: { mode: 'global-norm', maxNorm: 1 },
    exports: ['safetensors', 'sparse'],
    // Pinned, because a race of both ways to compile may end differently on a busy machine, and then the bits differ.
    engine: { xla: 'never' },
  }
}

/** The same, with 90 % of all kernel weights removed step by step: two epochs dense, five pruning, three of fine-tuning. */
export function prunedSpec(options: DemoOptions) {
  return {
    ...denseSpec(options),
    name: 'demo: 90 % pruned',
    pruning: {
      criterion: 'magnitude',
      granularity: { kind: 'element' },
      scope: 'global',
      schedule: {
        kind: 'polynomial',
        initialSparsity: 0,
        finalSparsity: 0.9,
        ...pruningSteps(options),
        frequency: 100,
        power: 3,
      },
    },
  }
}
