import type { DatasetSchema } from '../src/contracts/dataset.js'
import { parse } from '../src/contracts/parse.js'
import { TrainingJobSpec } from '../src/contracts/training-job-spec.js'
import type { StoredTensor, StoredTensors } from '../src/formats/safetensors.js'
import { type Call, openRun, type Run } from '../src/ml/run.js'
import { outputsOf } from '../src/planning/planned-spec.js'
import { sizeOf } from '../src/planning/shape.js'
import { makeRandom } from '../src/random.js'
import type { BenchModel } from './models.js'
import { BATCH_SIZE, LEARNING_RATE, MAX_NORM } from './runner.js'

/** Far more than is measured: the choice for or against XLA is that of a job which is worth a race. */
const JOB_STEPS = 100_000

/**
 * The job of a bench, opened as a worker opens it: Adam, clipping by the global norm. `overrides` replaces fields of the spec.
 * @throws Error naming the fields, if they make no job spec; else as `openRun`.
 */
export function openBenchRun(
  { model, dataset }: BenchModel,
  overrides: Partial<Record<keyof TrainingJobSpec, unknown>> = {},
): Run {
  const parsed = parse(TrainingJobSpec, {
    datasetId: 'ds_00000000-0000-7000-8000-000000000000',
    model: { kind: 'layers', inputShape: model.inputShape, layers: model.layers },
    optimizer: { kind: 'adam', learningRate: LEARNING_RATE },
    clipping: { mode: 'global-norm', maxNorm: MAX_NORM },
    batchSize: BATCH_SIZE,
    steps: JOB_STEPS,
    ...overrides,
  })
  if (!parsed.ok) throw new Error(parsed.errors.map(({ pointer, detail }) => `${pointer} ${detail}`).join('; '))
  return openRun({
    spec: parsed.value,
    schema: dataset,
    data: dataOf(dataset),
    resume: null,
    signal: new AbortController().signal,
    report: silent,
  })
}

const datasets = new WeakMap<DatasetSchema, StoredTensors>()

/** The numbers do not matter, only their shape: bytes or ids, and classes or tokens, from one seed. */
function dataOf(schema: DatasetSchema): StoredTensors {
  const made = datasets.get(schema) ?? makeData(schema)
  datasets.set(schema, made)
  return made
}

function makeData(schema: DatasetSchema): StoredTensors {
  const { trainRows, exampleShape, vocabularySize, target } = schema
  const random = makeRandom(0, 'bench')
  const below = <T extends Uint8Array | Int32Array>(values: T, limit: number): T =>
    values.map(() => random.uniform() * limit) as T // `map` of either gives its own kind
  const ids = (shape: number[], limit: number): StoredTensor => {
    const values = below(new Int32Array(sizeOf(shape)), limit)
    return { type: 'int32', shape, values }
  }
  const shape = [trainRows, ...exampleShape]
  const bytes = (): StoredTensor => ({ type: 'uint8', shape, values: below(new Uint8Array(sizeOf(shape)), 256) })
  return {
    'train.features': vocabularySize === undefined ? bytes() : ids(shape, vocabularySize),
    'train.labels': ids(target.kind === 'tokens' ? [trainRows, target.length] : [trainRows], outputsOf(schema)),
  }
}

const silent = {
  started: () => {},
  progress: () => {},
  metrics: () => {},
  event: () => {},
  report: () => {},
  checkpoint: async () => {},
  artifact: async () => {},
}

/** The calls of the update at `step`, at the full learning rate. */
export function callsAt(run: Run, step: number): readonly Call[] {
  return run.calls(step, { plateauFactor: 1, rateFactor: 1 }).calls
}

/** One update, as a job makes it. */
export function runStep(run: Run, step: number): void {
  for (const { signature, feeds } of callsAt(run, step)) run.session.run(signature, feeds)
}

/** Milliseconds per step, after a few steps that are not timed. */
export function time(steps: number, run: (step: number) => void): number {
  for (let step = 0; step < Math.min(WARM_UP_STEPS, steps); step++) run(step)
  const begin = performance.now()
  for (let step = 0; step < steps; step++) run(step)
  return (performance.now() - begin) / steps
}
const WARM_UP_STEPS = 5
