import { describe, expect, it } from 'vitest'
import type { ClippingReport } from '../../src/contracts/clipping-report.js'
import type { DatasetSchema } from '../../src/contracts/dataset.js'
import type { StoredTensors } from '../../src/formats/safetensors.js'
import { decodeSafetensors } from '../../src/formats/safetensors.js'
import { decodeCheckpoint } from '../../src/ml/checkpoint.js'
import { moonSpec, type Recorded } from './fixtures.js'
import { eventsOf, failed, finished, interrupted, stopped } from './runs.js'

const steps = (count: number) => Array.from({ length: count }, (_, step) => step)
const lastReport = ({ reports }: Recorded) => {
  const last = reports.at(-1)
  return { step: last?.step, body: last?.body as ClippingReport } // the only kind
}

describe('an attempt that ends before its job is done', () => {
  /** Softmax of −9999 w, from step to step: the loss is infinite after some. */
  const explosive = moonSpec({ optimizer: { kind: 'sgd', learningRate: 1000, l2: 10 }, clipping: { mode: 'none' } })

  it.each([
    ['before its first checkpoint', 500],
    ['after one', 2],
  ])(
    'by a failure %s leaves all metrics, its progress, and a report that counts the fatal step',
    async (_, everySteps) => {
      const { failure, recorded } = await failed({ spec: { ...explosive, checkpoints: { everySteps, keep: 3 } } })
      const step = failure.step ?? 0
      expect(step).toBeGreaterThan(2)
      expect([...recorded.series('loss').keys()]).toEqual(steps(step))
      expect(recorded.progress.at(-1)).toMatchObject({ step, etaSeconds: null })
      const { step: updates, body } = lastReport(recorded)
      expect(updates).toBe(step)
      expect(body.steps).toBe(step)
      expect(body.nonFinite).toEqual({ count: 1, policy: 'fail' })
      expect(eventsOf(recorded, 'training.non-finite')).toMatchObject([{ step, occurrences: 1, budget: 0 }])
    },
  )

  it.each(['cancel', 'shutdown', 'time-limit'])('by %s does so too', async (reason) => {
    const { outcome, recorded } = await stopped({ spec: moonSpec() }, 7, reason)
    expect(outcome.step).toBe(7)
    expect([...recorded.series('loss').keys()]).toEqual(steps(7))
    expect(recorded.progress.at(-1)).toMatchObject({ step: 7, steps: 60, epoch: 1, etaSeconds: null })
    expect(lastReport(recorded)).toMatchObject({ step: 7, body: { steps: 7 } })
  })

  it('before its first step has no progress to tell', async () => {
    const { recorded } = await stopped({ spec: moonSpec() }, 0, 'cancel')
    expect(recorded.progress).toEqual([])
    expect(lastReport(recorded)).toMatchObject({ step: 0, body: { steps: 0 } })
  })
})

it('a job that is stopped early has no time left', async () => {
  const earlyStopping = { monitor: 'loss', minDelta: 1e9, patience: 1 }
  const { result, recorded } = await finished({ spec: moonSpec({ earlyStopping, epochs: 40 }) })
  expect(result.steps).toBe(10)
  expect(recorded.progress.at(-1)).toMatchObject({ step: 10, steps: 200, etaSeconds: 0 })
})

describe('a metric that no number can hold', () => {
  const large = (label: number): { schema: DatasetSchema; data: StoredTensors } => ({
    schema: {
      ...{ exampleShape: [1], featureType: 'float32', columns: null, trainRows: 20, testRows: 0 },
      target: { kind: 'number', size: 1 },
    },
    data: {
      'train.features': { type: 'float32', shape: [20, 1], values: new Float32Array(20).fill(1) },
      'train.labels': { type: 'float32', shape: [20, 1], values: new Float32Array(20).fill(label) },
    },
  })
  const linear = { kind: 'layers', inputShape: [1], layers: [{ type: 'dense', units: 1, name: 'output' }] }

  it('is left out, of a mean that is too large: the loss is what counts', async () => {
    // |e| of 1e25 is a loss, e² of 1e50 no float32.
    const spec = moonSpec({
      ...{ model: linear, loss: 'mean-absolute-error', metrics: ['mean-squared-error'], batchSize: 8 },
      ...{ validation: { fraction: 0.2 }, epochs: 3, checkpoints: { everySteps: 3, keep: 3 } },
    })
    const { result, recorded } = await finished({ spec, ...large(1e25) })
    expect([Object.keys(result.train), Object.keys(result.validation ?? {})]).toEqual([['loss'], ['loss']])
    expect(recorded.series('mean-squared-error').size).toBe(0)
    const bytes = recorded.checkpoints.get(6) ?? new Uint8Array()
    const { running } = decodeCheckpoint(bytes, () => decodeSafetensors(bytes).tensors)
    expect(running.epoch.sums['mean-squared-error']).toBeNull()
    expect(running.epoch.sums.loss).toBeGreaterThan(1e25)
  })

  it('is left out, of a perplexity, and watched as one without a value, also when the job is resumed', async () => {
    // Logits some thousands apart: the entropy is a number, its exponential is not.
    const wide = { type: 'dense', units: 2, name: 'output', kernelInitializer: { kind: 'normal', deviation: 1000 } }
    const spec = moonSpec({
      ...{ model: { kind: 'layers', inputShape: [2], layers: [wide] }, metrics: ['accuracy', 'perplexity'] },
      ...{ optimizer: { kind: 'sgd', learningRate: 1e-6 }, validation: { fraction: 0.2 }, epochs: 6 },
      ...{ earlyStopping: { monitor: 'validation.perplexity', patience: 2 } },
      checkpoints: { everySteps: 500, best: { monitor: 'validation.perplexity' } },
    })
    const { result, recorded } = await finished({ spec })
    expect(Object.keys(result.validation ?? {})).toEqual(['loss', 'accuracy'])
    expect(result.validation?.loss).toBeGreaterThan(Math.log(Number.MAX_VALUE))
    expect(JSON.parse(JSON.stringify(result))).toEqual(result)
    expect(result.best).toBeNull()
    // 4 steps an epoch; a value that is missing twice in a row is no improvement.
    expect(eventsOf(recorded, 'training.stopped-early')).toMatchObject([{ step: 8, best: null, bestStep: null }])
    const resumed = await interrupted({ spec }, 6)
    expect(eventsOf(resumed.recorded, 'training.stopped-early')).toMatchObject([
      { step: 8, best: null, bestStep: null },
    ])
    expect(resumed.result.weightsSha256).toBe(result.weightsSha256)
  })
})
