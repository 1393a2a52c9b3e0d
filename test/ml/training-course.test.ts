import { describe, expect, it } from 'vitest'
import type { DatasetSchema } from '../../src/contracts/dataset.js'
import type { TrainingJobSpec } from '../../src/contracts/training-job-spec.js'
import { decodeSafetensors, type StoredTensors } from '../../src/formats/safetensors.js'
import { train } from '../../src/ml/train.js'
import type { TrainOptions } from '../../src/ml/training.js'
import { moonSpec, optionsFor, type Recorded, recorder } from './fixtures.js'

type Changes = Partial<TrainOptions>

async function finished(changes: Changes, recorded: Recorded = recorder()) {
  const outcome = await train(optionsFor(recorded, changes))
  if (outcome.kind !== 'succeeded') throw new Error(`stopped at ${outcome.step}`)
  return { result: outcome.result, recorded }
}

/** Looks at its signal before each step and each batch of an evaluation: the `looks`-th look stops it; then it goes on from its checkpoint. */
async function interrupted(changes: Changes, looks: number, resumed: Recorded = recorder()) {
  const stopped = recorder()
  let seen = 0
  const signal = {
    get aborted() {
      return ++seen > looks
    },
    reason: 'shutdown',
  } as AbortSignal // these two members are all that the loop reads
  const outcome = await train(optionsFor(stopped, { ...changes, signal }))
  if (outcome.kind !== 'stopped') throw new Error('it was not stopped')
  const checkpoint = stopped.checkpoints.get(outcome.step) ?? new Uint8Array()
  return finished({ ...changes, resume: { step: outcome.step, checkpoint } }, resumed)
}

const events = (recorded: Recorded, type: string) => recorded.events.filter((event) => event.type === type)
const values = (recorded: Recorded, name: string) => [...recorded.series(name).values()]

describe('mini-batches', () => {
  it('give the update of one batch as large as all of them', async () => {
    const sgd = { kind: 'sgd', learningRate: 0.1, momentum: 0.9 }
    const whole = await finished({ spec: moonSpec({ optimizer: sgd, epochs: 3 }) })
    const split = await finished({
      spec: moonSpec({ optimizer: { ...sgd, accumulateSteps: 2 }, batchSize: 10, epochs: 3 }),
    })
    // 90 rows: 4 updates of 20 and one of 10 an epoch, either way.
    expect(split.result.steps).toBe(15)
    const losses = values(whole.recorded, 'loss')
    values(split.recorded, 'loss').forEach((loss, step) => {
      expect(loss).toBeCloseTo(losses[step] ?? Number.NaN, 4)
    })
    expect(split.result.test?.accuracy).toBe(whole.result.test?.accuracy)
  })
})

describe('an average of the weights', () => {
  it('that forgets at once is the weights themselves', async () => {
    const adam = { kind: 'adam', learningRate: 0.01 }
    const plain = await finished({ spec: moonSpec({ optimizer: adam }) })
    const averaged = await finished({ spec: moonSpec({ optimizer: { ...adam, ema: { decay: 0 } } }) })
    expect(averaged.result.weightsSha256).toBe(plain.result.weightsSha256)
    const slow = await finished({ spec: moonSpec({ optimizer: { ...adam, ema: { decay: 0.99 } } }) })
    expect(slow.result.weightsSha256).not.toBe(plain.result.weightsSha256)
    expect(slow.result.test?.loss).not.toBe(plain.result.test?.loss)
  })
})

describe('what watches the evaluations', () => {
  const validation = { fraction: 0.2 }

  it('ends the job as soon as the target is reached, and says so', async () => {
    const earlyStopping = { monitor: 'validation.accuracy', target: 0.5, patience: 50 }
    const { result, recorded } = await finished({ spec: moonSpec({ validation, earlyStopping, epochs: 40 }) })
    const accuracies = values(recorded, 'validation.accuracy')
    expect(accuracies.at(-1)).toBeGreaterThanOrEqual(0.5)
    expect(accuracies.slice(0, -1).every((accuracy) => accuracy < 0.5)).toBe(true)
    expect(result.steps).toBe(4 * accuracies.length)
    expect(events(recorded, 'training.stopped-early')).toMatchObject([
      { data: { step: result.steps, reason: 'target', monitor: 'validation.accuracy' } },
    ])
  })

  it('ends the job when its patience is used up', async () => {
    const earlyStopping = { monitor: 'loss', minDelta: 1e9, patience: 2 }
    const { result } = await finished({ spec: moonSpec({ earlyStopping, epochs: 40 }) })
    // The first epoch is the reference, two more do not improve on it by 1e9.
    expect(result.epochs).toBe(3)
  })

  it('evaluates every so many steps if asked', async () => {
    const { recorded } = await finished({ spec: moonSpec({ validation: { fraction: 0.2, everySteps: 7 }, epochs: 5 }) })
    expect([...recorded.series('validation.loss').keys()]).toEqual([6, 13, 19])
  })

  it('ends with the weights of the best evaluation', async () => {
    const optimizer = { kind: 'sgd', learningRate: 2 }
    const checkpoints = { everySteps: 500, keep: 3, best: { monitor: 'validation.loss' } }
    const { result, recorded } = await finished({ spec: moonSpec({ validation, optimizer, checkpoints, epochs: 20 }) })
    const losses = values(recorded, 'validation.loss')
    const best = Math.min(...losses)
    expect(losses.at(-1)).toBeGreaterThan(best)
    expect(result.validation?.loss).toBe(best)
    // 72 rows in batches of 20: 4 steps an epoch.
    const step = 4 * (losses.indexOf(best) + 1)
    expect(result.best).toEqual({ step, monitor: 'validation.loss', value: best })
  })

  it('says so too when it was interrupted after that evaluation, or while the last one was made', async () => {
    const optimizer = { kind: 'sgd', learningRate: 2 }
    const checkpoints = { everySteps: 500, keep: 3, best: { monitor: 'validation.loss' } }
    const spec = moonSpec({ validation, optimizer, checkpoints, epochs: 20 })
    const { result } = await finished({ spec })
    const { best, weightsSha256 } = result
    // 4 steps an epoch and one look at the rows held out after them: 5 looks an epoch, the last of all is number 100.
    const after = (best?.step ?? 0) / 4 + 1
    expect(after).toBeLessThan(20)
    for (const looks of [5 * after + 1, 99]) {
      const resumed = await interrupted({ spec }, looks)
      expect(resumed.result).toMatchObject({ best, weightsSha256 })
    }
  })

  it('has no best evaluation to tell of unless it was asked for one', async () => {
    const { result } = await finished({ spec: moonSpec({ validation, earlyStopping: { patience: 1 }, epochs: 3 }) })
    expect(result.best).toBeNull()
  })

  it('cuts the learning rate on a plateau', async () => {
    const schedule = { kind: 'plateau', monitor: 'loss', minDelta: 1e9, patience: 1, factor: 0.5 }
    const optimizer = { kind: 'sgd', learningRate: 0.1, schedule }
    const { recorded } = await finished({ spec: moonSpec({ optimizer, epochs: 4 }) })
    // 5 steps an epoch; after the second and the third the loss has not improved by 1e9.
    const rates = values(recorded, 'learningRate')
    expect([rates[0], rates[9], rates[10], rates[15]]).toEqual([0.1, 0.1, 0.05, 0.025])
    expect(events(recorded, 'learning-rate.reduced').map(({ data }) => data.step)).toEqual([10, 15])
  })

  it('measures what needs all predictions at once', async () => {
    const spec = moonSpec({ validation, metrics: ['accuracy', 'auc', 'f1-macro'], epochs: 30 })
    const { result, recorded } = await finished({ spec })
    expect(result.test?.auc).toBeGreaterThan(0.9)
    expect(result.test?.['f1-macro']).toBeGreaterThan(0.85)
    expect(values(recorded, 'validation.auc').length).toBe(30)
  })

  it('gives a class without weight no say', async () => {
    const { result } = await finished({ spec: moonSpec({ classWeights: [1, 0], epochs: 30 }) })
    // Half of the test rows are of the other class, and all are taken for the first.
    expect(result.test?.accuracy).toBe(0.5)
  })
})

/** One row of 20 has a target that no float32 can hold the square of: one step of four an epoch is not finite. */
const poisoned: DatasetSchema = {
  exampleShape: [2],
  featureType: 'float32',
  columns: ['x', 'y'],
  target: { kind: 'number', size: 1 },
  trainRows: 20,
  testRows: 0,
}
function poison(): StoredTensors {
  const features = Float32Array.from({ length: 40 }, (_, index) => Math.sin(index))
  const labels = Float32Array.from({ length: 20 }, (_, row) => (row === 7 ? 3e38 : Math.cos(row)))
  return {
    'train.features': { type: 'float32', shape: [20, 2], values: features },
    'train.labels': { type: 'float32', shape: [20, 1], values: labels },
  }
}
function poisonedRun(clipping: Record<string, unknown>, fields: Record<string, unknown> = {}) {
  const spec = moonSpec({
    model: { kind: 'layers', inputShape: [2], layers: [{ type: 'dense', units: 1, name: 'output' }] },
    loss: 'mean-squared-error',
    optimizer: { kind: 'sgd', learningRate: 0.1 },
    clipping: { mode: 'global-norm', maxNorm: 1, ...clipping },
    batchSize: 5,
    epochs: 4,
    checkpoints: { everySteps: 3, keep: 3 },
    ...fields,
  })
  return { spec, schema: poisoned, data: poison() }
}

describe('a step that is not finite', () => {
  it('fails the job once the budget is spent', async () => {
    await expect(finished(poisonedRun({ onNonFinite: 'skip', nonFiniteBudget: 2 }))).rejects.toMatchObject({
      code: 'NON_FINITE_GRADIENT',
      message: expect.stringContaining('nonFiniteBudget is 2'),
    })
  })

  it('rolls back to the last checkpoint with a smaller learning rate', async () => {
    const rollback = { onNonFinite: 'rollback', nonFiniteBudget: 4, learningRateFactor: 0.5 }
    const { recorded } = await finished(poisonedRun(rollback))
    const found = events(recorded, 'training.non-finite').map(({ data }) => data)
    expect(found.map(({ learningRateFactor }) => learningRateFactor)).toEqual([0.5, 0.25, 0.125, 0.0625])
    for (const { step, restoredStep } of found) expect(restoredStep).toBe(Number(step) - (Number(step) % 3))
    const rates = recorded.series('learningRate')
    const first = Number(found[0]?.step)
    expect(rates.get(first + 1)).toBeCloseTo(0.05, 10)
  })

  it.each([4, 7, 11])('rolls back to the same state when the job was interrupted at %i', async (stopAt) => {
    const changes = poisonedRun({ onNonFinite: 'rollback', nonFiniteBudget: 4 })
    const expected = await finished(changes)
    const { result } = await interrupted(changes, stopAt)
    expect(result.weightsSha256).toBe(expected.result.weightsSha256)
  })
})

describe('a run with all that has a state of its own', () => {
  const model = {
    kind: 'layers',
    inputShape: [2],
    layers: [
      { type: 'dense', units: 16 },
      { type: 'batch-normalization', momentum: 0.9 },
      { type: 'activation', activation: 'relu' },
      { type: 'dropout', rate: 0.2 },
      { type: 'dense', units: 2, name: 'output' },
    ],
  }
  const spec = (changes: Record<string, unknown> = {}): TrainingJobSpec =>
    moonSpec({
      model,
      validation: { fraction: 0.2, stratified: true },
      optimizer: {
        ...{ kind: 'adamw', learningRate: 0.01, accumulateSteps: 2, ema: { decay: 0.9 } },
        schedule: { kind: 'plateau', patience: 1, minDelta: 0.05 },
      },
      clipping: { mode: 'auto', percentile: 50, shadow: [{ mode: 'z-score', warmupSteps: 3 }] },
      checkpoints: { everySteps: 500, keep: 3, best: { monitor: 'validation.loss' } },
      batchSize: 10,
      epochs: 6,
      ...changes,
    })

  it.each([5, 8, 13])(
    'is interrupted at look %i and resumed to the same weights, figures and report',
    async (looks) => {
      const clippingReport = (recorded: Recorded) => recorded.reports.at(-1)
      const expected = await finished({ spec: spec() })
      const resumed = await interrupted({ spec: spec() }, looks)
      const { msPerStep: _, ...figures } = expected.result
      expect(resumed.result).toMatchObject(figures)
      // 72 rows, 20 an update: 4 updates an epoch.
      expect(clippingReport(expected.recorded)).toMatchObject({ kind: 'clipping', step: 24 })
      expect(clippingReport(resumed.recorded)).toEqual(clippingReport(expected.recorded))
    },
  )

  it('exports moving statistics beside the averaged weights', async () => {
    const { recorded } = await finished({ spec: spec({ epochs: 1 }) })
    const { tensors } = decodeSafetensors(recorded.artifacts.get('weights.safetensors') ?? new Uint8Array())
    expect(Object.keys(tensors)).toContain('batch-normalization-1/moving-variance')
    expect(tensors['batch-normalization-1/moving-variance']?.values).not.toEqual(new Float32Array(16).fill(1))
  })
})

describe('a model of the next character', () => {
  const vocabulary = ['a', 'b', 'c']
  const rows = 12
  const tokens = (shift: number) =>
    Int32Array.from({ length: rows * 6 }, (_, place) => (Math.floor(place / 6) + (place % 6) + shift) % 3)
  const schema: DatasetSchema = {
    exampleShape: [6],
    featureType: 'int32',
    vocabularySize: 3,
    columns: null,
    target: { kind: 'tokens', vocabulary, length: 6 },
    trainRows: rows,
    testRows: 0,
  }
  const data: StoredTensors = {
    'train.features': { type: 'int32', shape: [rows, 6], values: tokens(0) },
    'train.labels': { type: 'int32', shape: [rows, 6], values: tokens(1) },
  }

  it('learns abcabc…, measures its perplexity and writes it', async () => {
    const spec = moonSpec({
      model: { kind: 'preset', name: 'char-rnn' },
      loss: undefined,
      optimizer: { kind: 'adam', learningRate: 0.01 },
      sampling: { length: 9, temperature: 0, prompt: 'b' },
      batchSize: 4,
      epochs: 12,
    })
    const { result, recorded } = await finished({ spec, schema, data })
    expect(result.train.accuracy).toBeGreaterThan(0.95)
    expect(result.train.perplexity).toBeCloseTo(Math.exp(result.train.loss ?? 0), 3)
    expect(new TextDecoder().decode(recorded.artifacts.get('sample.txt'))).toBe('bcabcabcab')
  })
})
