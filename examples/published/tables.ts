/** One row of a table: how much is removed, what others have reached, what we promise. Errors are in percent of the test split. */
export interface Row {
  readonly name: string
  /** Weights that are kept; null: none is removed. */
  readonly sparsity: number | null
  /** Share of filters and neurons that is removed instead. */
  readonly units?: number
  readonly published: string
  /** Largest mean error; null: only reported. */
  readonly bound: number | null
  readonly epochs: number
  /** A goal beyond the bound, which decides nothing. */
  readonly goal?: number
}

export interface Table {
  readonly model: 'lenet-300-100' | 'lenet-5'
  readonly learningRate: number
  readonly rows: readonly Row[]
}

/**
 * LeNet-300-100 and LeNet-5 (Caffe's, without ReLU after the convolutions) on MNIST, in the same test error as the papers: at the last
 * step, of a network that was trained on all 60,000 images, with nothing chosen by the test split.
 * @see Han et al., 2015; Guo et al., "Dynamic network surgery", 2016; Molchanov et al., "Variational dropout sparsifies deep neural
 * networks", 2017; Lee et al., "SNIP", 2019.
 */
export const TABLES: Readonly<Record<Table['model'], Table>> = {
  'lenet-300-100': {
    model: 'lenet-300-100',
    learningRate: 0.05,
    rows: [
      { name: 'dense', sparsity: null, published: '1.6–1.7', bound: null, epochs: 10 },
      { name: '91.7 % removed', sparsity: 0.917, published: 'Han 1.59', bound: 1.59, epochs: 20 },
      { name: '95 % removed', sparsity: 0.95, published: 'SNIP 1.6', bound: 1.6, epochs: 20 },
      { name: '98 % removed', sparsity: 0.98, published: 'SNIP 2.4, DNS 1.99', bound: 2, epochs: 20 },
      { name: '98.5 % removed', sparsity: 0.985, published: 'SparseVD 1.92', bound: 1.92, epochs: 30 },
      { name: '99 % removed', sparsity: 0.99, published: 'L-OBS 2.1', bound: null, epochs: 40, goal: 1.9 },
    ],
  },
  'lenet-5': {
    model: 'lenet-5',
    learningRate: 0.03,
    rows: [
      { name: 'dense', sparsity: null, published: 'Han 0.80, SNIP 0.9', bound: null, epochs: 5 },
      { name: '98 % removed', sparsity: 0.98, published: 'SNIP 0.8', bound: 0.9, epochs: 10 },
      { name: '99 % removed', sparsity: 0.99, published: 'SNIP 1.1', bound: 1.1, epochs: 10 },
      { name: '99.07 % removed', sparsity: 0.9907, published: 'DNS 0.91', bound: null, epochs: 10, goal: 0.91 },
      { name: '50 % of all units', sparsity: null, units: 0.5, published: '–', bound: null, epochs: 5 },
      { name: '75 % of all units', sparsity: null, units: 0.75, published: '–', bound: null, epochs: 5 },
    ],
  },
}

const STEPS_PER_EPOCH = 600

/** How the epochs are divided: dense, pruning, fine-tuning. Of 10: 2, 5, 3; of 20: 3, 11, 6; of 30: 3, 19, 8; of 40: 4, 26, 10. */
function phases(epochs: number): { begin: number; end: number } {
  const [dense, fineTuning] = epochs >= 40 ? [4, 10] : epochs >= 30 ? [3, 8] : epochs >= 20 ? [3, 6] : [2, 3]
  return { begin: dense * STEPS_PER_EPOCH, end: (epochs - fineTuning) * STEPS_PER_EPOCH }
}

/**
 * The spec of a row, as a client would write it: Nesterov, clipped at a global norm of 1, the learning rate constant until the end of the
 * pruning, then a cosine to 0. Weights go step by step by LAMP over all layers; units at once by the L2 norm of what makes them.
 */
export function specOf(
  table: Table,
  row: Row,
  { seed, datasetId }: { readonly seed: number; readonly datasetId: string },
) {
  const { begin, end } = phases(row.epochs)
  const isDense = row.sparsity === null && row.units === undefined
  return {
    name: `${table.model}, ${row.name}, seed ${seed}`,
    datasetId,
    model: { kind: 'preset', name: table.model },
    metrics: ['accuracy'],
    optimizer: {
      kind: 'sgd',
      learningRate: table.learningRate,
      momentum: 0.9,
      nesterov: true,
      l2: 2e-4,
      schedule: { kind: 'cosine', beginStep: row.units === undefined ? end : begin },
    },
    epochs: row.epochs,
    batchSize: 100,
    seed,
    clipping: { mode: 'global-norm', maxNorm: 1 },
    ...(isDense ? {} : { pruning: pruningOf(row, begin, end) }),
  }
}

function pruningOf(row: Row, beginStep: number, endStep: number) {
  if (row.units !== undefined)
    return {
      criterion: 'magnitude',
      granularity: { kind: 'unit' },
      schedule: { kind: 'one-shot', finalSparsity: row.units, beginStep },
    }
  return {
    criterion: 'lamp',
    scope: 'global',
    schedule: {
      ...{ kind: 'polynomial', finalSparsity: row.sparsity, beginStep, endStep, frequency: 100, power: 3 },
    },
  }
}
