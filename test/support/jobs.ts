import { makeId } from '../../src/contracts/ids.js'
import { parse } from '../../src/contracts/parse.js'
import type { JobResult } from '../../src/contracts/training-job.js'
import { TrainingJobSpec } from '../../src/contracts/training-job-spec.js'
import { makeApiKeys } from '../../src/db/api-keys.js'
import type { Database } from '../../src/db/database.js'
import { makeDatasets, type NewDataset } from '../../src/db/datasets.js'

/** A spec with every default filled in. */
export function jobSpec(datasetId: string, changes: Record<string, unknown> = {}): TrainingJobSpec {
  const parsed = parse(TrainingJobSpec, { datasetId, model: { kind: 'preset', name: 'lenet-300-100' }, ...changes })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  return parsed.value
}

export function newDataset(changes: Partial<NewDataset> = {}): NewDataset {
  const id = makeId('ds')
  return {
    id,
    name: 'iris',
    source: 'upload:iris.csv',
    schema: {
      exampleShape: [4],
      featureType: 'float32',
      columns: ['a', 'b', 'c', 'd'],
      target: { kind: 'classes', names: ['x', 'y', 'z'] },
      trainRows: 120,
      testRows: 30,
    },
    key: `datasets/${id}.safetensors`,
    bytes: 3_000_000_000, // more than 2³¹
    sha256: 'ab'.repeat(32),
    ...changes,
  }
}

/** The default project and a dataset in it. */
export async function seed(db: Database): Promise<{ projectId: string; datasetId: string }> {
  const projectId = await makeApiKeys(db).ensureDefaultProject()
  const { dataset } = await makeDatasets(db).create(projectId, newDataset())
  return { projectId, datasetId: dataset.id }
}

export const RESULT: JobResult = {
  steps: 10,
  epochs: 1,
  parameters: 5,
  train: { loss: 0.5 },
  validation: null,
  test: { loss: 0.25, accuracy: 0.75 },
  clippedStepShare: 0.5,
  nonFiniteSteps: 0,
  sparsity: 0.9,
  perLayerSparsity: [],
  bytes: { dense: 100, gzip: 50, sparse: 20 },
  quantized: [],
  best: null,
  weightsSha256: 'cd'.repeat(32),
  msPerStep: 1.5,
  pins: { tensorflow: '2.21.0', device: 'cpu', intraOpThreads: 2, oneDnn: true, xla: false, seed: 0 },
}

export const CRASH = { reason: 'the trainer was killed', code: 'TRAINER_DIED', countsAsAttempt: true }
export const SHUTDOWN = { reason: 'the worker shut down', code: 'WORKER_SHUTDOWN', countsAsAttempt: false }
