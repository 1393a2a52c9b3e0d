import type { DatasetSchema } from '../../src/contracts/dataset.js'
import type { EnginePins } from '../../src/contracts/engine-pins.js'
import type { EventType } from '../../src/contracts/event.js'
import type { ReportBodies, ReportKind } from '../../src/contracts/job-report.js'
import type { MetricSeries } from '../../src/contracts/metric.js'
import type { JobProgress } from '../../src/contracts/training-job.js'
import type { StoredTensors } from '../../src/formats/safetensors.js'
import type { TrainOptions, TrainReport } from '../../src/ml/train.js'
import { planTrainingJob } from '../../src/planning/plan.js'
import { makeRandom } from '../../src/random.js'
import { specOf } from '../planning/fixtures.js'

const TRAIN = 90
const TEST = 20

/** Two interleaved half-moons of points: not linearly separable, learnt by a small network in a few epochs. */
export const moons: DatasetSchema = {
  exampleShape: [2],
  featureType: 'float32',
  columns: ['x', 'y'],
  target: { kind: 'classes', names: ['upper', 'lower'] },
  trainRows: TRAIN,
  testRows: TEST,
}

export function moonData(trainRows = TRAIN): StoredTensors {
  return { ...part('train', trainRows), ...part('test', TEST) }
}

function part(split: string, rows: number): StoredTensors {
  const random = makeRandom(1, `moons/${split}`)
  const features = new Float32Array(rows * 2)
  const labels = new Int32Array(rows)
  for (let row = 0; row < rows; row++) {
    const angle = Math.PI * random.uniform()
    const isLower = row % 2
    labels[row] = isLower
    features[2 * row] = (isLower ? 1 - Math.cos(angle) : Math.cos(angle)) + 0.1 * random.normal()
    features[2 * row + 1] = (isLower ? 0.5 - Math.sin(angle) : Math.sin(angle)) + 0.1 * random.normal()
  }
  return {
    [`${split}.features`]: { type: 'float32', shape: [rows, 2], values: features },
    [`${split}.labels`]: { type: 'int32', shape: [rows], values: labels },
  }
}

/** 90 rows in batches of 20 give 4 full steps and one of 10 an epoch. */
export function moonSpec(fields: Record<string, unknown> = {}) {
  return specOf({
    model: {
      kind: 'layers',
      inputShape: [2],
      layers: [
        { type: 'dense', units: 16, activation: 'tanh' },
        { type: 'dense', units: 16, activation: 'relu' },
        { type: 'dense', units: 2, activation: 'softmax', name: 'output' },
      ],
    },
    optimizer: { kind: 'sgd', learningRate: 0.1, momentum: 0.9, nesterov: true, l2: 1e-4 },
    clipping: { mode: 'global-norm', maxNorm: 1 },
    epochs: 12,
    batchSize: 20,
    seed: 3,
    ...fields,
  })
}

/** The same with the defaults that depend on the data. */
export function plannedMoonSpec(fields: Record<string, unknown> = {}, schema = moons) {
  return planTrainingJob(moonSpec(fields), schema).spec
}

export interface Recorded {
  readonly report: TrainReport
  readonly started: { pins: EnginePins; steps: number; parameters: number }[]
  readonly progress: JobProgress[]
  /** Metrics and checkpoints in the order in which they came. */
  readonly log: ({ kind: 'metrics'; series: MetricSeries[] } | { kind: 'checkpoint'; step: number })[]
  readonly events: { type: EventType; data: Record<string, unknown> }[]
  readonly reports: { kind: ReportKind; step: number; body: ReportBodies[ReportKind] }[]
  readonly checkpoints: Map<number, Uint8Array>
  readonly artifacts: Map<string, Uint8Array>
  /** All values of a series by step. @throws Error if a step came twice */
  series(name: string): Map<number, number>
}

export function recorder(onCheckpoint: (step: number) => void = () => undefined): Recorded {
  const recorded: Recorded = {
    started: [],
    progress: [],
    log: [],
    events: [],
    reports: [],
    checkpoints: new Map(),
    artifacts: new Map(),
    series(name) {
      const values = new Map<number, number>()
      for (const entry of recorded.log) {
        if (entry.kind !== 'metrics') continue
        for (const one of entry.series.filter((series) => series.name === name))
          one.steps.forEach((step, index) => {
            if (values.has(step)) throw new Error(`step ${step} of ${name} came twice`)
            values.set(step, one.values[index] ?? Number.NaN)
          })
      }
      return values
    },
    report: {
      started: (pins, steps, parameters) => recorded.started.push({ pins, steps, parameters }),
      progress: (progress) => recorded.progress.push(progress),
      metrics: (series) => recorded.log.push({ kind: 'metrics', series }),
      event: (type, data) => recorded.events.push({ type, data }),
      report: (kind, step, body) => recorded.reports.push({ kind, step, body }),
      async checkpoint(step, bytes) {
        recorded.log.push({ kind: 'checkpoint', step })
        recorded.checkpoints.set(step, bytes)
        onCheckpoint(step)
      },
      async artifact(name, _, bytes) {
        recorded.artifacts.set(name, bytes)
      },
    },
  }
  return recorded
}

export function optionsFor(recorded: Recorded, changes: Partial<TrainOptions> = {}): TrainOptions {
  return {
    spec: moonSpec(),
    schema: moons,
    data: moonData(),
    resume: null,
    signal: new AbortController().signal,
    report: recorded.report,
    ...changes,
  }
}
