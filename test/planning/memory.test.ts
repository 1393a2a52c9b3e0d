import { describe, expect, it } from 'vitest'
import { EspalierError } from '../../src/errors.js'
import { estimateMemory, evaluationBatch } from '../../src/planning/memory.js'
import { planTrainingJob } from '../../src/planning/plan.js'
import { expandModel } from '../../src/planning/presets.js'
import { describeLayers } from '../../src/planning/shapes.js'
import { mnist, specOf } from './fixtures.js'

const memoryOf = (fields: Record<string, unknown>) => planTrainingJob(specOf(fields), mnist).memoryBytes

/** A convolution of so many channels on images of 28 × 28. */
const wide = (filters: number) => ({
  kind: 'layers' as const,
  inputShape: [28, 28, 1],
  layers: [
    { type: 'conv2d', filters, kernelSize: 1, padding: 'same' },
    { type: 'max-pooling2d', poolSize: 28 },
    { type: 'flatten' },
    { type: 'dense', units: 10 },
  ],
})
const layersOf = (model: Record<string, unknown>) => describeLayers(expandModel(specOf({ model }).model))

describe('the memory of a plan', () => {
  // LeNet-300-100: 784 + 300 + 100 + 10 = 1194 numbers an example, 266,610 parameters
  const activations = 100 * 1194 * 4 * 3

  it.each<[string, Record<string, unknown>, number]>([
    ['sgd: weights and gradients', { optimizer: { kind: 'sgd' } }, 2],
    ['momentum: one slot', { optimizer: { kind: 'sgd', momentum: 0.9 } }, 3],
    ['adam: two slots', {}, 4],
    ['amsgrad: three slots', { optimizer: { kind: 'adam', amsgrad: true } }, 5],
    [
      'centred rmsprop with momentum: three slots',
      { optimizer: { kind: 'rmsprop', momentum: 0.9, centered: true } },
      5,
    ],
    ['lion: one slot', { optimizer: { kind: 'lion' } }, 3],
    ['an average over the steps', { optimizer: { kind: 'adam', ema: { decay: 0.99 } } }, 5],
    ['accumulated gradients', { optimizer: { kind: 'adam', accumulateSteps: 4 } }, 5],
    ['masks', { pruning: { schedule: { kind: 'one-shot', finalSparsity: 0.5, beginStep: 0 } } }, 5],
  ])('counts activations three times, and %s', (_, fields, copies) => {
    expect(memoryOf({ batchSize: 100, ...fields })).toBe(activations + 266_610 * 4 * copies)
  })
})

describe('a job beyond 8 GiB is refused', () => {
  const rejection = (fields: Record<string, unknown>): EspalierError => {
    try {
      planTrainingJob(specOf(fields), mnist)
    } catch (error) {
      if (error instanceof EspalierError) return error
    }
    throw new Error('the spec was accepted')
  }

  it('at its batch size, when a smaller one fits; the one that is named does, and no larger one', () => {
    const error = rejection({ model: wide(256), batchSize: 60_000 })
    expect(error.code).toBe('SPEC_OUT_OF_RANGE')
    expect(error.errors.map(({ pointer }) => pointer)).toEqual(['/batchSize'])
    const detail = error.errors[0]?.detail ?? ''
    // 784 + 784 · 256 + 256 + 256 + 10 activations; 256 + 256 + 256 · 10 + 10 weights
    expect(detail).toMatch(
      /about \d+\.\d\d GiB: 0\.00 GiB for 3082 weights, .* for the 202010 activations an example of a batch of 60000; at most 8\.00 GiB/,
    )
    const fitting = Number(/a batch of (\d+) would fit/.exec(detail)?.[1])
    expect(memoryOf({ model: wide(256), batchSize: fitting })).toBeLessThanOrEqual(8 * 2 ** 30)
    expect(rejection({ model: wide(256), batchSize: fitting + 1 }).errors[0]?.pointer).toBe('/batchSize')
  })

  it('at its model, when not even one example fits', () => {
    // 206 MB for each output of an example, 17 of them, three times over.
    const repeat = Array.from({ length: 16 }, () => ({ type: 'activation', activation: 'relu' }))
    const [conv, ...rest] = wide(65_536).layers
    const deep = { ...wide(65_536), layers: [conv, ...repeat, ...rest] }
    const error = rejection({ model: deep, batchSize: 1 })
    expect(error.code).toBe('SPEC_OUT_OF_RANGE')
    expect(error.errors.map(({ pointer }) => pointer)).toEqual(['/model'])
  })
})

describe('the batch of an evaluation', () => {
  it('is 1000 for small models, fewer for wide ones, and at least 1', () => {
    expect(evaluationBatch(layersOf({ kind: 'preset', name: 'lenet-5' }))).toBe(1000)
    // 784 · 4096 + 4096 + 4096 + 10 + 784 numbers, 12,880,936 bytes: 536,870,912 / 12,880,936 = 41.7
    expect(evaluationBatch(layersOf(wide(4096)))).toBe(41)
    const deep = {
      ...wide(65_536),
      layers: [...wide(65_536).layers.slice(0, 1), { type: 'flatten' }, { type: 'flatten' }],
    }
    expect(evaluationBatch(layersOf(deep))).toBe(1)
  })
})

describe('layers with a state', () => {
  it('keep their gates and their state of every step', () => {
    const model = {
      kind: 'layers' as const,
      inputShape: [7, 3],
      layers: [{ type: 'lstm', units: 5 }],
    }
    const described = layersOf(model)
    // 7 · (4 · 5 + 5) kept, 21 in, 5 out: 201 numbers. 4 · 5 · (3 + 5 + 1) = 180 weights, four copies under Adam.
    expect(estimateMemory(specOf({ batchSize: 2 }), described, 10)).toEqual({
      perExample: 201 * 4 * 3,
      weights: 180 * 4 * 4,
      total: 2 * 201 * 4 * 3 + 180 * 4 * 4,
    })
  })

  it('have moving statistics twice: before and after the step', () => {
    const described = layersOf({ kind: 'layers', inputShape: [8], layers: [{ type: 'batch-normalization' }] })
    // gamma and beta in four copies, mean and variance in two
    expect(estimateMemory(specOf(), described, 10).weights).toBe((16 * 4 + 16 * 2) * 4)
  })
})
