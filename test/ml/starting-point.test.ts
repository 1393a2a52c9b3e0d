import { describe, expect, it } from 'vitest'
import { decodeSafetensors, type StoredTensors } from '../../src/formats/safetensors.js'
import { scan } from '../../src/ml/sensitivity/scan.js'
import type { Start, TrainOptions } from '../../src/ml/training.js'
import { verify } from '../../src/ml/verify.js'
import { planTrainingJob } from '../../src/planning/plan.js'
import { readStartingPoint } from '../../src/planning/starting-point.js'
import { specOf } from '../planning/fixtures.js'
import { moonSpec, moons, optionsFor, type Recorded, recorder } from './fixtures.js'
import { failed, finished, interrupted } from './runs.js'

const ARTIFACT = { kind: 'artifact', jobId: 'job_01979f4e-8f43-7b1c-a3a0-1f2d3c4b5a69' }
/** Steps so small that no float32 weight changes. */
const STILL = { kind: 'sgd', learningRate: 1e-30 }

/** What a finished job leaves to start from. */
function startOf({ artifacts }: Recorded): Start {
  const point = readStartingPoint(artifacts.get('report.json') ?? new Uint8Array())
  if ('errors' in point) throw new Error(JSON.stringify(point.errors))
  return { ...point, weights: decodeSafetensors(artifacts.get('weights.safetensors') ?? new Uint8Array()).tensors }
}

const sourceOf = async (fields: Record<string, unknown> = {}) => {
  const { result, recorded } = await finished({ spec: moonSpec(fields) })
  return { result, start: startOf(recorded) }
}
const fromSource = (start: Start, fields: Record<string, unknown>): Partial<TrainOptions> => ({
  spec: specOf({ model: ARTIFACT, optimizer: STILL, steps: 1, batchSize: 20, seed: 8, ...fields }),
  start,
})
const magnitude = (finalSparsity: number, fields: Record<string, unknown> = {}) => ({
  pruning: { schedule: { kind: 'one-shot', finalSparsity, beginStep: 0 }, ...fields },
})

describe('a job that starts from a finished model', () => {
  it('evaluates to what its source did, though it trains on other rows, from another seed', async () => {
    const { result, start } = await sourceOf()
    const again = await finished(fromSource(start, { validation: { fraction: 0.4 } }))
    expect(again.result.test).toEqual(result.test)
    expect(again.result.weightsSha256).toBe(result.weightsSha256)
    const report = JSON.parse(new TextDecoder().decode(again.recorded.artifacts.get('report.json')))
    expect(report.preprocessing.normalization).toEqual(start.normalization)
  })

  it('keeps the moving statistics of batch normalization', async () => {
    const layers = [
      { type: 'dense', units: 8 },
      { type: 'batch-normalization', momentum: 0.8 },
      { type: 'dense', units: 2 },
    ]
    const { result, start } = await sourceOf({ model: { kind: 'layers', inputShape: [2], layers } })
    const recorded = recorder()
    const spec = specOf({ kind: 'sensitivity-scan', model: ARTIFACT, scan: { sparsities: [0.5] } })
    await scan(optionsFor(recorded, { spec, start }))
    const [report] = recorded.reports.filter(({ kind }) => kind === 'sensitivity')
    expect(report?.body).toMatchObject({ evaluatedOn: 'test', dense: { loss: result.test?.loss } })
  })

  it('takes inputs as they are where its source did, and says so in its spec', async () => {
    const { result, start } = await sourceOf({ normalization: 'none' })
    expect(start.normalization).toBeNull()
    const job = fromSource(start, {})
    expect(planTrainingJob(job.spec ?? moonSpec(), moons, start).spec.normalization).toBe('none')
    expect((await finished(job)).result.test).toEqual(result.test)
  })

  it('interrupted and resumed gives the same bits as one that was not', async () => {
    const { result, start } = await sourceOf({ epochs: 2 })
    const job = fromSource(start, { optimizer: { kind: 'adam' }, steps: 12 })
    const [whole, resumed] = [await finished(job), await interrupted(job, 7)]
    expect(resumed.result.weightsSha256).toBe(whole.result.weightsSha256)
    expect(whole.result.weightsSha256).not.toBe(result.weightsSha256)
  })

  it('removes first what is zero already: at the sparsity of its source magnitude changes nothing', async () => {
    const { result, start } = await sourceOf(magnitude(0.5))
    expect(result.sparsity).toBeCloseTo(0.5, 2)
    const again = await finished(fromSource(start, magnitude(0.5)))
    expect(again.result.test).toEqual(result.test)
    expect(again.result.weightsSha256).toBe(result.weightsSha256)
    const fewer = await finished(fromSource(start, magnitude(0.7)))
    expect(fewer.result.weightsSha256).not.toBe(result.weightsSha256)
  })

  it('is pruned at once and made smaller, twice in a row, with certificates that hold', async () => {
    const { result: dense, start } = await sourceOf()
    const units = magnitude(0.5, { granularity: { kind: 'neuron' }, exclude: ['output'] })
    const first = await finished(fromSource(start, units))
    // 16 and 16 units become 8 and 8: 2·8 + 8 + 8·8 + 8 + 8·2 + 2 numbers of 4 bytes.
    const smaller = startOf(first.recorded)
    expect(numbersOf(smaller.weights)).toBe(114)
    expect(first.result.bytes.dense).toBeLessThan(dense.bytes.dense)
    const second = await finished(fromSource(smaller, units))
    expect(numbersOf(startOf(second.recorded).weights)).toBe(2 * 4 + 4 + 4 * 4 + 4 + 4 * 2 + 2)
    for (const { recorded } of [first, second]) {
      const file = (name: string) => recorded.artifacts.get(name) ?? new Uint8Array()
      const json = (name: string) => JSON.parse(new TextDecoder().decode(file(name)))
      const { changedFiles, certificate } = verify({
        certificate: json('certificate.json'),
        report: json('report.json'),
        masked: file('masked.safetensors'),
        compacted: file('compacted.safetensors'),
        inputs: file('certificate-inputs.safetensors'),
      })
      expect([changedFiles, certificate.holds]).toEqual([[], true])
    }
  })

  it('rewinds to the weights that it started from', async () => {
    const { result, start } = await sourceOf({ epochs: 2 })
    const pruning = { schedule: { kind: 'one-shot', finalSparsity: 0.5, beginStep: 8 }, rewind: { toStep: 0 } }
    const optimizer = { kind: 'sgd', learningRate: 1e-4 }
    const { recorded } = await finished(fromSource(start, { optimizer, steps: 9, pruning }))
    const kernel = startOf(recorded).weights['dense-1/kernel']?.values ?? []
    const before = start.weights['dense-1/kernel']?.values ?? []
    // What is kept went through one update, of 1e-4 times a gradient, since it went back.
    const moved = [...kernel].flatMap((value, at) => (value === 0 ? [] : [Math.abs(value - (before[at] ?? 0))]))
    expect(result.sparsity).toBe(0)
    expect(moved.length).toBe(16) // of 32
    expect(Math.max(...moved)).toBeLessThan(1e-3)
  })
})

describe('weights that are not those of the model', () => {
  const broken = (change: (weights: Record<string, StoredTensors[string]>) => void) => async (start: Start) => {
    const weights = { ...start.weights }
    change(weights)
    return (await failed(fromSource({ ...start, weights }, {}))).failure
  }
  const kernel = (shape: number[], fill = 0) => ({
    type: 'float32' as const,
    shape,
    values: new Float32Array(shape.reduce((one, other) => one * other)).fill(fill),
  })
  it.each([
    ['missing', broken((weights) => delete weights['dense-1/bias']), /dense-1\/bias is missing/],
    [
      'too many',
      broken((weights) => Object.assign(weights, { 'x/y': kernel([1]) })),
      /no layer of the model has: x\/y/,
    ],
    [
      'of another shape',
      broken((weights) => Object.assign(weights, { 'output/kernel': kernel([2, 16]) })),
      /output\/kernel is float32 \[2,16\], and the model has float32 \[16,2\]/,
    ],
    [
      'not finite',
      broken((weights) => Object.assign(weights, { 'output/kernel': kernel([16, 2], Number.NaN) })),
      /output\/kernel, element 0 in row-major order, is NaN/,
    ],
  ])('%s: the job fails and names them', async (_, breakIt, message) => {
    const { start } = await sourceOf({ steps: 1, epochs: undefined })
    const failure = await breakIt(start)
    expect(failure).toMatchObject({ code: 'MODEL_INVALID', step: null, message: expect.stringMatching(message) })
  })
})

describe('planning', () => {
  it('refuses statistics of other columns, at the job', async () => {
    const { start } = await sourceOf({ steps: 1, epochs: undefined })
    const wide = { ...moons, exampleShape: [1, 2, 1], columns: null }
    const plan = () => planTrainingJob(fromSource(start, {}).spec ?? moonSpec(), wide, start)
    expect(plan).toThrow(
      expect.objectContaining({
        errors: [{ pointer: '/model/jobId', detail: expect.stringMatching(/by 2 columns .* has 1/) }],
      }),
    )
  })

  it('refuses examples of another size, at the job', async () => {
    const { start } = await sourceOf({ steps: 1, epochs: undefined, normalization: 'none' })
    const plan = () =>
      planTrainingJob(fromSource(start, {}).spec ?? moonSpec(), { ...moons, exampleShape: [3], columns: null }, start)
    expect(plan).toThrow(
      expect.objectContaining({
        errors: [
          { pointer: '/model/jobId', detail: expect.stringMatching(/takes \[2\], an example of the dataset is \[3\]/) },
        ],
      }),
    )
  })
})

function numbersOf(weights: StoredTensors): number {
  return Object.values(weights).reduce((sum, { values }) => sum + values.length, 0)
}
