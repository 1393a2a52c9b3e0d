export interface DemoOptions {
  readonly datasetId: string
  readonly seed: number
}

const EPOCHS = 10
/** 60,000 rows in batches of 100. */
const STEPS_PER_EPOCH = 600
const DENSE_EPOCHS = 2
const FINE_TUNING_EPOCHS = 3
const BEGIN = DENSE_EPOCHS * STEPS_PER_EPOCH
const END = (EPOCHS - FINE_TUNING_EPOCHS) * STEPS_PER_EPOCH

/** LeNet-300-100 on MNIST, as a client would write it: Nesterov, clipped at a global norm of 1, cosine after the end of the pruning. */
export function denseSpec({ datasetId, seed }: DemoOptions) {
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
      schedule: { kind: 'cosine', beginStep: END },
    },
    epochs: EPOCHS,
    batchSize: 100,
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
        beginStep: BEGIN,
        endStep: END,
        frequency: 100,
        power: 3,
      },
    },
  }
}
