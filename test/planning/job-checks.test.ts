import { describe, expect, it } from 'vitest'
import type { DatasetSchema } from '../../src/contracts/dataset.js'
import { EspalierError } from '../../src/errors.js'
import { planTrainingJob } from '../../src/planning/plan.js'
import { mnist, specOf } from './fixtures.js'

const errorsOf = (fields: Record<string, unknown>, dataset: DatasetSchema = mnist) => {
  try {
    planTrainingJob(specOf(fields), dataset)
  } catch (error) {
    if (error instanceof EspalierError) return error.errors.map(({ pointer, detail }) => `${pointer}: ${detail}`)
    throw error
  }
  return []
}
const three: DatasetSchema = {
  exampleShape: [2],
  featureType: 'float32',
  columns: null,
  target: { kind: 'classes', names: ['a', 'b', 'c'] },
  trainRows: 10,
  testRows: 0,
  classCounts: [5, 5, 0],
}
const small = (fields: Record<string, unknown>) =>
  errorsOf({ model: { kind: 'preset', name: 'mlp' }, batchSize: 2, steps: 50, ...fields }, three)

describe('the batches of a job', () => {
  it('may take all the rows that train, and not one more', () => {
    expect(small({ batchSize: 10 })).toEqual([])
    expect(small({ batchSize: 11 })).toEqual([expect.stringMatching(/^\/batchSize: a batch of 11 .* 10 rows/)])
    expect(small({ batchSize: 9, validation: { fraction: 0.2 } })).toEqual([expect.stringContaining('8 rows')])
  })

  it('are at least as many as an update takes, the last, smaller one included', () => {
    const accumulating = (accumulateSteps: number) =>
      small({ batchSize: 3, optimizer: { kind: 'adam', accumulateSteps } })
    expect(accumulating(4)).toEqual([])
    expect(accumulating(5)).toEqual([expect.stringMatching(/^\/optimizer\/accumulateSteps: .* an epoch has 4 of 3/)])
  })

  it('are no more than steps can be numbered', () => {
    // 60,000 rows one by one: 1,666 epochs are 99,960,000 updates, 1,667 are 100,020,000.
    expect(errorsOf({ batchSize: 1, epochs: 1666 })).toEqual([])
    expect(errorsOf({ batchSize: 1, epochs: 1667 })).toEqual([expect.stringMatching(/^\/epochs: would be 100020000/)])
    const optimizer = { kind: 'adam', accumulateSteps: 100 }
    expect(errorsOf({ batchSize: 1, steps: 21_474_836, optimizer })).toEqual([])
    expect(errorsOf({ batchSize: 1, steps: 21_474_837, optimizer })).toEqual([
      expect.stringMatching(/^\/optimizer\/accumulateSteps: would be 2147483700 mini-batches/),
    ])
  })
})

describe('metrics of the best k', () => {
  it('are taken of fewer than there are classes', () => {
    expect(small({ metrics: ['top-2-accuracy'] })).toEqual([])
    expect(small({ metrics: ['top-2-accuracy', 'top-3-accuracy', 'top-4-accuracy'] })).toEqual([
      expect.stringMatching(/^\/metrics\/1: of 3 classes it is always 1/),
      expect.stringMatching(/^\/metrics\/2: of 3 classes it is always 1/),
    ])
  })
})

describe('weights of classes', () => {
  it('leave something to learn from among the classes that have rows', () => {
    expect(small({ classWeights: [0, 1, 0] })).toEqual([])
    expect(small({ classWeights: [0, 0, 1] })).toEqual([
      expect.stringMatching(/^\/classWeights: every class that has rows/),
    ])
  })
})

describe('rows held out', () => {
  it('are what strata and evaluations are of, unless the training itself is watched', () => {
    expect(small({ validation: { stratified: true } })).toEqual([expect.stringMatching(/^\/validation\/stratified/)])
    expect(small({ validation: { everySteps: 5 } })).toEqual([expect.stringMatching(/^\/validation\/everySteps/)])
    expect(small({ validation: { everySteps: 5 }, earlyStopping: { monitor: 'loss' } })).toEqual([])
    expect(small({ validation: { everySteps: 5 }, checkpoints: { best: { monitor: 'loss' } } })).toEqual([])
    const schedule = { kind: 'plateau', monitor: 'loss' }
    expect(small({ validation: { everySteps: 5 }, optimizer: { kind: 'sgd', schedule } })).toEqual([])
  })

  it('leave a row of each class to train on when they are stratified', () => {
    expect(small({ validation: { fraction: 0.8, stratified: true } })).toEqual([])
    expect(small({ validation: { fraction: 0.9, stratified: true }, batchSize: 1 })).toEqual([
      '/validation/fraction: leaves 1 of 10 rows to train on, fewer than the 2 classes; lower it',
    ])
  })
})

describe('labels that are numbers', () => {
  const numbers = (minimum: number, maximum: number): DatasetSchema => ({
    ...three,
    target: { kind: 'number', size: 1 },
    labelRange: { minimum, maximum },
  })
  const of = (dataset: DatasetSchema, loss: string, activation = 'linear') =>
    errorsOf(
      {
        model: { kind: 'layers', inputShape: [2], layers: [{ type: 'dense', units: 1, activation }] },
        loss,
        batchSize: 2,
      },
      dataset,
    )

  it('lie where the loss is defined', () => {
    expect(of(numbers(0, 9), 'poisson', 'softplus')).toEqual([])
    expect(of(numbers(-1, 9), 'poisson', 'softplus')).toEqual([
      '/loss: poisson needs labels of at least 0; those of the dataset go from -1 to 9: scale them, or take another loss',
    ])
    expect(of(numbers(-1, 9), 'mean-squared-logarithmic-error')).toHaveLength(1)
    expect(of(numbers(0, 1), 'categorical-crossentropy')).toEqual([])
    expect(of(numbers(0, 1.5), 'categorical-crossentropy')).toEqual([expect.stringContaining('shares from 0 to 1')])
    expect(of(numbers(-1e9, 1e9), 'mean-squared-error')).toEqual([])
  })
})
