import { describe, expect, it } from 'vitest'
import type { DatasetSchema } from '../../src/contracts/dataset.js'
import type { StoredTensors } from '../../src/formats/safetensors.js'
import { moonSpec } from './fixtures.js'
import { finished } from './runs.js'

describe('a field of the spec', () => {
  it.each(['weightDecay', 'l2'])('%s changes the weights', async (field) => {
    const trained = async (value: number) => {
      const optimizer = { kind: 'sgd', learningRate: 0.1, [field]: value }
      return (await finished({ spec: moonSpec({ optimizer, epochs: undefined, steps: 2 }) })).result.weightsSha256
    }
    expect(await trained(0.1)).not.toBe(await trained(0))
  })

  it('thresholdSchedule moves the norm that gradients are clipped to, from step to step', async () => {
    const thresholdSchedule = { kind: 'linear', beginStep: 0, endStep: 10, finalFraction: 0.1 }
    const clipping = { mode: 'global-norm', maxNorm: 0.01, thresholdSchedule }
    const { recorded } = await finished({ spec: moonSpec({ clipping, epochs: 3 }) })
    const [norms, scales] = [recorded.series('gradientNorm'), recorded.series('clipScale')]
    const clippedNorm = (step: number) => (norms.get(step) ?? Number.NaN) * (scales.get(step) ?? Number.NaN)
    expect([clippedNorm(0), clippedNorm(5), clippedNorm(14)]).toEqual(
      [0.01, 0.0055, 0.001].map((norm) => expect.closeTo(norm, 6)),
    )
  })

  const course = { validation: { fraction: 0.2 }, epochs: 20 }
  it('checkpoints.best.mode decides which evaluation is the best', async () => {
    const checkpoints = { everySteps: 500, best: { monitor: 'validation.loss', mode: 'max' } }
    const { result, recorded } = await finished({ spec: moonSpec({ ...course, checkpoints }) })
    const losses = [...recorded.series('validation.loss').values()]
    expect(result.validation?.loss).toBe(Math.max(...losses))
    expect(losses.at(-1)).toBeLessThan(Math.max(...losses))
  })

  it('checkpoints.best gives back the averages where there are some', async () => {
    const optimizer = { kind: 'sgd', learningRate: 2, ema: { decay: 0.5 } }
    const checkpoints = { everySteps: 500, best: { monitor: 'validation.loss' } }
    const { result, recorded } = await finished({ spec: moonSpec({ ...course, optimizer, checkpoints }) })
    const losses = [...recorded.series('validation.loss').values()]
    expect(losses.at(-1)).toBeGreaterThan(Math.min(...losses))
    expect(result.validation?.loss).toBe(Math.min(...losses))
  })

  it('validation.fold decides which rows are held out: each of them in one fold of several', async () => {
    // What a step this small changes is no float32: all networks are the same.
    const fields = { optimizer: { kind: 'sgd', learningRate: 1e-30 }, normalization: 'none', epochs: 1 }
    const losses: number[] = []
    for (let fold = 0; fold < 9; fold++) {
      const { recorded } = await finished({ spec: moonSpec({ ...fields, validation: { folds: 9, fold } }) })
      // 80 rows train: 4 steps of 20.
      const [step, loss = Number.NaN] = [...recorded.series('validation.loss')][0] ?? []
      expect(step).toBe(3)
      losses.push(loss)
    }
    expect(new Set(losses).size).toBe(9)
    const { recorded } = await finished({ spec: moonSpec({ ...fields, batchSize: 90 }) })
    const mean = losses.reduce((sum, loss) => sum + loss, 0) / 9
    expect(mean).toBeCloseTo(recorded.series('loss').get(0) ?? Number.NaN, 5)
  })

  it('lossOptions count in training and in evaluations', async () => {
    const rows = 20
    const schema: DatasetSchema = {
      ...{ exampleShape: [1], featureType: 'float32', columns: ['x'], target: { kind: 'number', size: 1 } },
      ...{ trainRows: rows, testRows: 0 },
    }
    const data: StoredTensors = {
      'train.features': { type: 'float32', shape: [rows, 1], values: new Float32Array(rows) },
      'train.labels': { type: 'float32', shape: [rows, 1], values: new Float32Array(rows).fill(3) },
    }
    const spec = moonSpec({
      model: { kind: 'layers', inputShape: [1], layers: [{ type: 'dense', units: 1, name: 'output' }] },
      ...{ loss: 'huber', lossOptions: { huberDelta: 2 }, normalization: 'none', validation: { fraction: 0.5 } },
      ...{ optimizer: { kind: 'sgd', learningRate: 0.1 }, clipping: { mode: 'none' }, batchSize: 10, epochs: 1 },
    })
    const { recorded } = await finished({ spec, schema, data })
    // Errors of 3: 2 · (3 − 1) with a gradient of 2, so that the bias becomes 0.2, and then 2 · (2.8 − 1).
    expect(recorded.series('loss').get(0)).toBeCloseTo(4, 5)
    expect(recorded.series('validation.loss').get(0)).toBeCloseTo(3.6, 5)
  })
})
