import type { DatasetSchema } from '../src/contracts/dataset.js'
import { parse } from '../src/contracts/parse.js'
import { TrainingJobSpec } from '../src/contracts/training-job-spec.js'
import type { StoredTensors } from '../src/formats/safetensors.js'
import { runEagerly } from '../src/ml/engine/eager.js'
import type { Session } from '../src/ml/engine/types.js'
import { openRun, type Run } from '../src/ml/run.js'
import { initialState } from '../src/ml/state.js'
import { trainSignature } from '../src/ml/step.js'
import { makeRandom } from '../src/random.js'
import { BATCH_SIZE, type BenchModel, LEARNING_RATE, MAX_NORM, type Runner } from './runner.js'

const ROWS = 51_200
const EXAMPLE_SHAPE = [28, 28, 1]
/** Far more than is measured: the choice for or against XLA is that of a job which is worth a race. */
const JOB_STEPS = 100_000

const schema: DatasetSchema = {
  exampleShape: EXAMPLE_SHAPE,
  featureType: 'uint8',
  columns: null,
  target: { kind: 'classes', names: Array.from({ length: 10 }, (_, digit) => String(digit)) },
  trainRows: ROWS,
  testRows: 0,
}

/** The numbers do not matter, only their shape: bytes and labels of ten classes, from one seed. */
function makeData(): StoredTensors {
  const random = makeRandom(0, 'bench')
  const size = EXAMPLE_SHAPE.reduce((product, extent) => product * extent, ROWS)
  return {
    'train.features': {
      type: 'uint8',
      shape: [ROWS, ...EXAMPLE_SHAPE],
      values: Uint8Array.from({ length: size }, () => random.uniform() * 256),
    },
    'train.labels': {
      type: 'int32',
      shape: [ROWS],
      values: Int32Array.from({ length: ROWS }, () => random.uniform() * 10),
    },
  }
}

function makeSpec({ model }: BenchModel): TrainingJobSpec {
  const parsed = parse(TrainingJobSpec, {
    datasetId: 'ds_00000000-0000-7000-8000-000000000000',
    model: { kind: 'layers', inputShape: model.inputShape, layers: model.layers },
    optimizer: { kind: 'adam', learningRate: LEARNING_RATE },
    clipping: { mode: 'global-norm', maxNorm: MAX_NORM },
    batchSize: BATCH_SIZE,
    steps: JOB_STEPS,
  })
  if (!parsed.ok) throw new Error(parsed.errors.map(({ pointer, detail }) => `${pointer} ${detail}`).join('; '))
  return parsed.value
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

/** Both runners of Espalier: the step of a training job, compiled as a job compiles it, and the same step run operation by operation. */
export function makeEspalierRunners(): { compiled: Runner; eager: Runner } {
  const data = makeData()
  const runs = new Map<string, Run>()
  const eagerSessions = new Map<string, Session>()

  const runOf = (model: BenchModel): Run => {
    const open = () =>
      openRun({
        spec: makeSpec(model),
        schema,
        data,
        resume: null,
        signal: new AbortController().signal,
        report: silent,
      })
    return entryOf(runs, model.name, open)
  }
  const eagerSessionOf = (model: BenchModel): Session => {
    const { parts, data } = runOf(model)
    const state = { ...data.state, ...initialState(parts) }
    return entryOf(eagerSessions, model.name, () => runEagerly(state, { eager: trainSignature(parts, BATCH_SIZE) }))
  }

  return {
    compiled: {
      name: 'espalier compiled',
      async measure(model) {
        const run = runOf(model)
        return time(model.steps, (step) => {
          for (const { signature, feeds } of run.calls(step, RATES).calls) run.session.run(signature, feeds)
        })
      },
      close: () => closeAll([...runs.values()].map(({ session }) => session)),
    },
    eager: {
      name: 'espalier eager',
      async measure(model) {
        const run = runOf(model)
        const session = eagerSessionOf(model)
        return time(model.eagerSteps, (step) => {
          for (const { feeds } of run.calls(step, RATES).calls) session.run('eager', feeds)
        })
      },
      close: () => closeAll([...eagerSessions.values()]),
    },
  }
}

function entryOf<T>(entries: Map<string, T>, name: string, make: () => T): T {
  const entry = entries.get(name) ?? make()
  entries.set(name, entry)
  return entry
}

function closeAll(sessions: readonly Session[]): void {
  for (const session of sessions) session.close()
}

/** Milliseconds per step, after a few steps that are not timed. */
function time(steps: number, run: (step: number) => void): number {
  for (let step = 0; step < WARM_UP_STEPS; step++) run(step)
  const begin = performance.now()
  for (let step = 0; step < steps; step++) run(step)
  return (performance.now() - begin) / steps
}
const WARM_UP_STEPS = 5
const RATES = { plateauFactor: 1, rateFactor: 1 }
