import { describe, expect, it } from 'vitest'
import type { DatasetSchema } from '../../src/contracts/dataset.js'
import { EspalierError } from '../../src/errors.js'
import { planTrainingJob } from '../../src/planning/plan.js'
import { houses, mnist, specOf } from './fixtures.js'

const polynomial = { kind: 'polynomial', finalSparsity: 0.9, beginStep: 100, endStep: 500 }
const toHouses = {
  loss: 'mean-squared-error',
  model: { kind: 'layers', inputShape: [3], layers: [{ type: 'dense', units: 1 }] },
  batchSize: 5,
}

describe('a plan', () => {
  it('counts the last partial batch as a step', () => {
    const plan = planTrainingJob(specOf({ epochs: 3, batchSize: 128, validation: { fraction: 0.1 } }), mnist)
    // 54,000 rows / 128 = 421.9
    expect(plan).toMatchObject({
      stepsPerEpoch: 422,
      steps: 1266,
      trainRows: 54_000,
      validationRows: 6000,
      testRows: 10_000,
    })
    expect(plan.parameters).toBe(266_610)
  })

  it('fills in epochs, metrics and the end of the cosine, and is a fixed point', () => {
    const spec = specOf({ batchSize: 100, optimizer: { kind: 'sgd', schedule: { kind: 'cosine', beginStep: 4200 } } })
    const plan = planTrainingJob(spec, mnist)
    expect(plan.spec.epochs).toBe(10)
    expect(plan.spec.metrics).toEqual(['accuracy'])
    expect(plan.spec.optimizer.schedule).toMatchObject({ endStep: 6000 })
    expect(planTrainingJob(plan.spec, mnist)).toEqual(plan)
  })

  it('takes steps instead of epochs', () => {
    const plan = planTrainingJob(specOf({ steps: 17 }), mnist)
    expect(plan.steps).toBe(17)
    expect(plan.spec.epochs).toBeUndefined()
  })

  it('measures regression by the mean absolute error', () => {
    expect(planTrainingJob(specOf(toHouses), houses).spec.metrics).toEqual(['mean-absolute-error'])
  })

  it('marks the layers that the patterns choose', () => {
    const pruning = { schedule: polynomial, include: ['*'], exclude: ['out*'] }
    const { layers } = planTrainingJob(specOf({ pruning }), mnist)
    expect(layers.map(({ name, prunable }) => [name, prunable])).toEqual([
      ['dense-1', true],
      ['dense-2', true],
      ['output', false],
    ])
  })
})

const RANGE = 'SPEC_OUT_OF_RANGE'
const INVALID = 'SPEC_INVALID'

describe('a spec is refused', () => {
  it.each<[string, Record<string, unknown>, DatasetSchema, string, string]>([
    ['for epochs and steps', { epochs: 1, steps: 1 }, mnist, INVALID, '/steps'],
    [
      'for begin at end',
      { pruning: { schedule: { ...polynomial, beginStep: 500 } } },
      mnist,
      RANGE,
      '/pruning/schedule/beginStep',
    ],
    [
      'for a schedule beyond the last step',
      { steps: 500, pruning: { schedule: polynomial } },
      mnist,
      RANGE,
      '/pruning/schedule/endStep',
    ],
    [
      'for a one-shot beyond the last step',
      { steps: 5, pruning: { schedule: { kind: 'one-shot', finalSparsity: 0.5, beginStep: 5 } } },
      mnist,
      RANGE,
      '/pruning/schedule/beginStep',
    ],
    [
      'for growing back',
      { pruning: { schedule: { ...polynomial, initialSparsity: 0.95 } } },
      mnist,
      RANGE,
      '/pruning/schedule/initialSparsity',
    ],
    [
      'for a cosine that begins after the end',
      { steps: 10, optimizer: { kind: 'adam', schedule: { kind: 'cosine', beginStep: 10 } } },
      mnist,
      RANGE,
      '/optimizer/schedule/beginStep',
    ],
    [
      'for a pattern without a layer',
      { pruning: { schedule: polynomial, exclude: ['conv*'] } },
      mnist,
      INVALID,
      '/pruning/exclude/0',
    ],
    [
      'for patterns that leave nothing',
      { pruning: { schedule: polynomial, exclude: ['*'] } },
      mnist,
      INVALID,
      '/pruning',
    ],
    ['for a loss of numbers on classes', { loss: 'mean-squared-error' }, mnist, INVALID, '/loss'],
    [
      'for a loss of classes on numbers',
      { ...toHouses, loss: 'sparse-categorical-crossentropy' },
      houses,
      INVALID,
      '/loss',
    ],
    ['for a metric that does not fit', { metrics: ['accuracy', 'mean-absolute-error'] }, mnist, INVALID, '/metrics/1'],
    [
      'for an output that does not fit',
      {},
      { ...mnist, target: { kind: 'classes', names: ['a', 'b'] } },
      INVALID,
      '/model/name',
    ],
    ['for an input that does not fit', {}, { ...mnist, exampleShape: [27, 28, 1] }, INVALID, '/model/name'],
    [
      'for no rows to train on',
      { ...toHouses, validation: { fraction: 0.9 } },
      { ...houses, trainRows: 1 },
      RANGE,
      '/validation/fraction',
    ],
    [
      'for no rows to validate on',
      { ...toHouses, validation: { fraction: 0.01 } },
      houses,
      RANGE,
      '/validation/fraction',
    ],
    [
      'for relu before cross-entropy',
      { model: { kind: 'layers', inputShape: [784], layers: [{ type: 'dense', units: 10, activation: 'relu' }] } },
      mnist,
      INVALID,
      '/model/layers/0/activation',
    ],
    [
      'for a model without weights',
      { ...toHouses, model: { kind: 'layers', inputShape: [3], layers: [{ type: 'flatten' }] } },
      { ...houses, target: { kind: 'number', size: 3 } },
      INVALID,
      '/model/layers',
    ],
    [
      'for too many parameters',
      {
        ...toHouses,
        model: {
          kind: 'layers',
          inputShape: [3],
          layers: [
            { type: 'dense', units: 65_536 },
            { type: 'dense', units: 65_536 },
            { type: 'dense', units: 1 },
          ],
        },
      },
      houses,
      RANGE,
      '/model/layers',
    ],
    [
      'for layers that do not connect',
      { model: { kind: 'layers', inputShape: [28, 28, 1], layers: [{ type: 'dense', units: 10 }] } },
      mnist,
      INVALID,
      '/model/layers/0',
    ],
  ])('%s', (_, fields, dataset, code, pointer) => {
    const error = rejection(() => planTrainingJob(specOf(fields), dataset))
    expect(error.errors.map((field) => field.pointer)).toEqual([pointer])
    expect(error.code).toBe(code)
  })

  it('with all its errors at once', () => {
    const error = rejection(() =>
      planTrainingJob(specOf({ epochs: 1, steps: 2, metrics: ['mean-absolute-error'] }), mnist),
    )
    expect(error.errors.map(({ pointer }) => pointer)).toEqual(['/steps', '/metrics/0'])
  })
})

function rejection(action: () => unknown): EspalierError {
  try {
    action()
  } catch (error) {
    if (error instanceof EspalierError) return error
    throw error
  }
  throw new Error('the spec was accepted')
}
