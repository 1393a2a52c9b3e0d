import { describe, expect, it } from 'vitest'
import type { DatasetSchema } from '../../src/contracts/dataset.js'
import type { StoredTensors } from '../../src/formats/safetensors.js'
import { train } from '../../src/ml/train.js'
import { moonSpec, optionsFor, recorder } from './fixtures.js'

const ROWS = 4
const schema: DatasetSchema = {
  exampleShape: [1],
  featureType: 'float32',
  columns: null,
  target: { kind: 'number', size: 1 },
  trainRows: ROWS,
  testRows: 1,
}
/** One column, every row the same. */
const data = (train: number, test: number): StoredTensors => ({
  'train.features': { type: 'float32', shape: [ROWS, 1], values: new Float32Array(ROWS).fill(train) },
  'train.labels': { type: 'float32', shape: [ROWS, 1], values: new Float32Array(ROWS) },
  'test.features': { type: 'float32', shape: [1, 1], values: Float32Array.of(test) },
  'test.labels': { type: 'float32', shape: [1, 1], values: new Float32Array(1) },
})
const spec = (fields: Record<string, unknown>) =>
  moonSpec({
    model: { kind: 'layers', inputShape: [1], layers: [{ type: 'dense', units: 1, name: 'output' }] },
    loss: 'mean-squared-error',
    normalization: 'none',
    clipping: { mode: 'none' },
    optimizer: { kind: 'sgd', learningRate: 1000 },
    epochs: undefined,
    batchSize: 2,
    ...fields,
  })
// Features of 0 give no loss and no gradient, but w ← w − 1000 · 10 · w: (−9999)⁹ is a float32, (−9999)¹⁰ is not.
const explosive = data(0, 0)
const decay = {
  model: {
    kind: 'layers',
    inputShape: [1],
    layers: [{ type: 'dense', units: 1, name: 'output', kernelInitializer: 'ones' }],
  },
  optimizer: { kind: 'sgd', learningRate: 1000, l2: 10 },
}

async function failureOf(fields: Record<string, unknown>, tensors: StoredTensors) {
  const recorded = recorder()
  const failure: unknown = await train(optionsFor(recorded, { spec: spec(fields), schema, data: tensors })).then(
    ({ kind }) => kind,
    (error: unknown) => error,
  )
  return { failure, recorded }
}

describe('a job does not succeed', () => {
  it('when its last update makes weights infinite', async () => {
    const { failure, recorded } = await failureOf({ ...decay, steps: 10 }, explosive)
    expect(failure).toMatchObject({ name: 'TrainingFailure', code: 'DIVERGED', step: 9 })
    expect(String(failure)).toMatch(/after step 9 weights of layer 'output' \(output\/kernel\) are NaN or infinite/)
    expect([...recorded.checkpoints.keys(), ...recorded.artifacts.keys()]).toEqual([])
  })

  it('when a validation between epochs is not finite', async () => {
    const fields = { ...decay, steps: 11, validation: { fraction: 0.5 } }
    const { failure, recorded } = await failureOf(fields, explosive)
    expect(failure).toMatchObject({ code: 'DIVERGED', step: 9 })
    expect(String(failure)).toMatch(/validation rows after step 9: the weights output\/kernel are NaN or infinite/)
    expect([...recorded.series('validation.loss').keys()]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  })

  it('when a checkpoint is due and the weights are infinite, which is not kept', async () => {
    const { failure, recorded } = await failureOf({ ...decay, steps: 20, checkpoints: { everySteps: 5 } }, explosive)
    expect(failure).toMatchObject({ code: 'DIVERGED', step: 9 })
    expect([...recorded.checkpoints.keys()]).toEqual([5])
  })

  it('when finite weights give an infinite mean on the test rows', async () => {
    const { failure, recorded } = await failureOf({ steps: 1, optimizer: { kind: 'sgd' } }, data(1, 1e30))
    expect(failure).toMatchObject({ code: 'DIVERGED', step: 0 })
    expect(String(failure)).toMatch(/test rows after step 0: the loss, computed from layer 'output', is NaN/)
    expect(recorded.artifacts.size).toBe(0)
  })
})
