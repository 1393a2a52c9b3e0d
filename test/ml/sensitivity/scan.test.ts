import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { parse } from '../../../src/contracts/parse.js'
import { SensitivityReport } from '../../../src/contracts/sensitivity-report.js'
import { scan } from '../../../src/ml/sensitivity/scan.js'
import type { Start } from '../../../src/ml/training.js'
import { planTrainingJob } from '../../../src/planning/plan.js'
import { evaluatedByHand, type Values, valuesOf } from '../by-hand.js'
import { moons, plannedMoonSpec, recorder } from '../fixtures.js'
import { drawn, scanned, scanOptions, stoppedScan, trained } from './scans.js'

let start: Start
beforeAll(async () => {
  start = await trained()
})

const SCAN = { scan: { sparsities: [0.9, 0.3, 0.6], dropWithin: 0.05 } }
/** Ascending, as the report has them. */
const SPARSITIES = [0.3, 0.6, 0.9]
const KERNELS = ['dense-1/kernel', 'dense-2/kernel', 'output/kernel']

/** Without the k = round(s · n) smallest numbers; no two of them are equal here. */
function without(values: Float32Array, sparsity: number): Float32Array {
  const removed = Math.round(sparsity * values.length)
  const limit = [...values].map(Math.abs).sort((one, other) => one - other)[removed] ?? Number.POSITIVE_INFINITY
  return values.map((value) => (Math.abs(value) < limit ? 0 : value))
}

const expectMeans = (means: Readonly<Record<string, number>> | null | undefined, weights: Values) => {
  const { loss, accuracy } = evaluatedByHand(weights)
  expect(means?.loss).toBeCloseTo(loss, 5)
  expect(means?.accuracy).toBeCloseTo(accuracy, 9)
}

describe('a scan', () => {
  it('measures what a network gives whose weights are removed by hand, one layer at a time', async () => {
    const { report, result } = await scanned(start, SCAN)
    const dense = valuesOf(start.weights)
    expect(parse(SensitivityReport, report)).toEqual({ ok: true, value: report })
    expect(report).toMatchObject({ evaluatedOn: 'test', rows: 20, judgedBy: 'accuracy' })
    expectMeans(report.dense, dense)
    expect(result).toMatchObject({ steps: 14, test: report.dense, validation: null, sparsity: 0 })

    expect(report.layers.map(({ layer, weights }) => [layer, weights])).toEqual([
      ['dense-1', 32],
      ['dense-2', 256],
      ['output', 32],
    ])
    for (const [place, { points }] of report.layers.entries()) {
      const name = KERNELS[place] ?? ''
      expect(points.map(({ sparsity }) => sparsity)).toEqual(SPARSITIES)
      for (const { sparsity, removed, means, drop } of points) {
        const kernel = without(dense[name] ?? new Float32Array(), sparsity)
        expect(removed).toBe(kernel.filter((value) => value === 0).length)
        expectMeans(means, { ...dense, [name]: kernel })
        expect(drop).toBeCloseTo((report.dense.accuracy ?? 0) - (means?.accuracy ?? 0), 12)
      }
    }
  })

  it('measures all layers at once, alike and at what each tolerates by itself', async () => {
    const { report } = await scanned(start, SCAN)
    const dense = valuesOf(start.weights)
    const at = (sparsityOf: (place: number) => number) => ({
      ...dense,
      ...Object.fromEntries(
        KERNELS.map((name, place) => [name, without(dense[name] ?? new Float32Array(), sparsityOf(place))]),
      ),
    })
    for (const { sparsity, means } of report.together.points)
      expectMeans(
        means,
        at(() => sparsity),
      )
    const tolerated = report.layers.map((layer) => layer.tolerated)
    // Otherwise the last measurement would be one that there is already.
    expect(new Set(tolerated).size).toBeGreaterThan(1)
    expectMeans(
      report.advised.means,
      at((place) => tolerated[place] ?? 0),
    )
    const sizes = [32, 256, 32]
    const removed = tolerated.reduce((sum, sparsity, place) => sum + Math.round(sparsity * (sizes[place] ?? 0)), 0)
    expect([report.advised.removed, report.advised.sparsity]).toEqual([removed, removed / 320])
  })

  it('tells each measurement as a step of its series, its progress, and delivers the report as a file', async () => {
    const { report, recorded } = await scanned(start, SCAN)
    const losses = [
      report.dense.loss,
      ...[...report.layers, report.together].flatMap(({ points }) => points.map(({ means }) => means?.loss)),
    ]
    expect([...recorded.series('loss')]).toEqual(
      [...losses, report.advised.means?.loss].map((loss, step) => [step, loss]),
    )
    const removed = [
      0,
      ...[...report.layers, report.together].flatMap(({ points }) => points.map((point) => point.removed)),
    ]
    expect([...recorded.series('sparsity').values()]).toEqual(
      [...removed, report.advised.removed].map((count) => count / 320),
    )
    expect(recorded.started).toMatchObject([{ steps: 14, parameters: 354 }])
    expect(recorded.progress.at(-1)).toMatchObject({
      ...{ step: 14, steps: 14, etaSeconds: 0 },
      ...{ gradientNorm: null, clippedStepShare: null },
    })
    expect([...recorded.artifacts.keys()]).toEqual(['sensitivity.json'])
    expect(JSON.parse(new TextDecoder().decode(recorded.artifacts.get('sensitivity.json')))).toEqual(report)
  })

  it('takes whole units with their biases, and stops at the last of a layer', async () => {
    const { report } = await scanned(start, { scan: { granularity: { kind: 'neuron' }, sparsities: [0.99] } })
    // Of 16 units round(0.99 · 16) = 16 would go; one stays. The output makes none.
    expect(report.layers.map(({ layer, pieces, points }) => [layer, pieces, points[0]?.removed])).toEqual([
      ['dense-1', 16, 15 * 2],
      ['dense-2', 16, 15 * 16],
    ])
    const dense = valuesOf(start.weights)
    const kernel = dense['dense-1/kernel'] ?? new Float32Array()
    const norms = Array.from({ length: 16 }, (_, unit) => Math.hypot(kernel[unit] ?? 0, kernel[16 + unit] ?? 0))
    const kept = norms.indexOf(Math.max(...norms))
    const masked = (values: Float32Array) => values.map((value, index) => (index % 16 === kept ? value : 0))
    const biases = dense['dense-1/bias'] ?? new Float32Array()
    expectMeans(report.layers[0]?.points[0]?.means, {
      ...dense,
      'dense-1/kernel': masked(kernel),
      'dense-1/bias': masked(biases),
    })
    // A pruning job refuses a sparsity that leaves no unit, so none is suggested.
    expect(report.suggestion).toBeNull()
  })

  it('takes all kernels of a layer together, and knows which weights are 0 already', async () => {
    const layers = [
      { type: 'reshape', targetShape: [2, 1] },
      { type: 'lstm', units: 3, name: 'lstm' },
      { type: 'dense', units: 2, name: 'output', kernelInitializer: 'zeros' },
    ]
    const { report } = await scanned(drawn(layers), { scan: { sparsities: [0.5] } })
    // Of the lstm 1 · 12 and 3 · 12 weights for its four gates.
    expect(
      report.layers.map(({ layer, weights, zeros, points }) => [layer, weights, zeros, points[0]?.removed]),
    ).toEqual([
      ['lstm', 48, 0, 6 + 18],
      ['output', 6, 6, 3],
    ])
  })

  it('fails if the network gives no finite loss to begin with', async () => {
    // Each multiplies by two million: the seventh gives more than float32 holds.
    const layers = Array.from({ length: 8 }, () => ({
      ...{ type: 'dense', units: 2 },
      kernelInitializer: { kind: 'constant', value: 1e6 },
    }))
    await expect(scan(scanOptions(recorder(), drawn(layers)))).rejects.toMatchObject({
      code: 'DIVERGED',
      message: expect.stringContaining('before anything is removed'),
    })
  })

  it('goes on after a loss that is not finite, which is tolerated by no one', async () => {
    const plain = (units: number, name: string) => ({ type: 'dense', units, name })
    const network = drawn([plain(2, 'twice'), plain(1, 'difference'), plain(2, 'output')])
    const kernel = (shape: number[], ...values: number[]) =>
      ({ type: 'float32', shape, values: Float32Array.from(values) }) as const
    // Twice the same number, so that the difference is 0; without one of them it is far beyond float32 in the end.
    const weights = {
      ...network.weights,
      'twice/kernel': kernel([2, 2], 1, 1, 0, 0),
      'difference/kernel': kernel([2, 1], 2 ** 100, -(2 ** 100)),
      'output/kernel': kernel([1, 2], 2 ** 100, 0),
    }
    const { report, recorded } = await scanned({ ...network, weights }, { scan: { sparsities: [0.5] } })
    const [twice, difference] = report.layers
    expect(twice).toMatchObject({ zeros: 2, tolerated: 0.5, points: [{ removed: 2, drop: 0 }] })
    expect(difference).toMatchObject({ tolerated: 0, points: [{ removed: 1, means: null, drop: null }] })
    expect(report.mostSensitive).toBe('difference')
    expect(recorded.series('loss').has(2)).toBe(false)
    expect([...recorded.series('sparsity').keys()]).toEqual([0, 1, 2, 3, 4, 5])
  })

  it('needs the weights of a finished model', async () => {
    const weights = { ...start.weights }
    delete weights['output/kernel']
    await expect(scan(scanOptions(recorder(), { ...start, weights }))).rejects.toMatchObject({ code: 'MODEL_INVALID' })
  })

  it.each([
    ['the rows held out', { validation: { fraction: 0.2 } }, {}, 'validation', 18],
    ['the test split', {}, {}, 'test', 20],
    ['rows to train on', {}, { schema: { ...moons, testRows: 0 } }, 'train', 90],
  ] as const)('evaluates on %s', async (_, fields, changes, evaluatedOn, rows) => {
    const { report, result } = await scanned(start, { ...fields, scan: { sparsities: [0.5] } }, changes)
    expect(report).toMatchObject({ evaluatedOn, rows })
    expect(report.verdicts.some((verdict) => verdict.startsWith('Measured on rows to train on'))).toBe(rows === 90)
    expect(result[evaluatedOn]).toEqual(report.dense)
  })

  it.each(['random', 'lamp', 'synflow', 'gradient', 'taylor', 'snip', 'obd', 'wanda'])(
    'scores by %s what is there',
    async (criterion) => {
      const { report } = await scanned(start, { scan: { criterion, sparsities: [0.5] } })
      expect(report.layers.map(({ points }) => points[0]?.removed)).toEqual([16, 128, 16])
    },
  )
})

describe('a suggestion', () => {
  it('is a pruning spec that a job can have, at a sparsity that was measured', async () => {
    const { report } = await scanned(start, { scan: { sparsities: [0.1, 0.5], dropWithin: 1, exclude: ['output'] } })
    expect(report.layers.map(({ tolerated }) => tolerated)).toEqual([0.5, 0.5])
    expect(report.suggestion).toMatchObject({ exclude: ['output'], schedule: { kind: 'one-shot', finalSparsity: 0.5 } })
    if (report.suggestion === null) throw new Error('nothing is suggested')
    const { spec } = planTrainingJob({ ...plannedMoonSpec(), pruning: report.suggestion }, moons)
    expect(spec.pruning).toMatchObject(report.suggestion)
  })
})

describe('a scan that is interrupted', () => {
  const series = ['loss', 'accuracy', 'sparsity']

  // Two looks a measurement: before it, and before its only batch.
  it.each([1, 2, 3, 14, 27])(
    'after %d looks goes on where it was: the same report, each measurement told once',
    async (looks) => {
      const whole = await scanned(start, SCAN)
      const before = await stoppedScan(start, SCAN, looks)
      expect(before.step).toBe(Math.floor(looks / 2))
      const resume = before.checkpoint ? { step: before.step, checkpoint: before.checkpoint } : null
      expect(resume === null).toBe(before.step === 0)
      const after = await scanned(start, SCAN, { resume })
      expect(after.report).toEqual(whole.report)
      expect({ ...after.result, msPerStep: 0 }).toEqual({ ...whole.result, msPerStep: 0 })
      for (const name of series)
        expect([...before.recorded.series(name), ...after.recorded.series(name)], name).toEqual([
          ...whole.recorded.series(name),
        ])
      expect(before.recorded.reports).toEqual([])
    },
  )

  it.each(['cancel', 'lost-lease'])('by %s leaves no checkpoint', async (reason) => {
    const { recorded, step } = await stoppedScan(start, SCAN, 6, reason)
    expect([step, recorded.checkpoints.size]).toEqual([3, 0])
  })

  it('does not go on from measurements of other weights, or from something else', async () => {
    const { step, checkpoint = new Uint8Array() } = await stoppedScan(start, SCAN, 6)
    const options = (bytes: Uint8Array, at = step, of = start) =>
      scanOptions(recorder(), of, SCAN, { resume: { step: at, checkpoint: bytes } })
    const invalid = { code: 'CHECKPOINT_INVALID' }
    await expect(scan(options(checkpoint, step, await trained({ seed: 4 })))).rejects.toMatchObject(invalid)
    await expect(scan(options(checkpoint, 4))).rejects.toMatchObject(invalid)
    await expect(scan(options(checkpoint.slice(1)))).rejects.toMatchObject(invalid)
    await expect(scan(options(new Uint8Array()))).rejects.toMatchObject(invalid)
  })
})

describe('a long scan', () => {
  afterEach(() => void vi.restoreAllMocks())

  it('keeps what it has measured about every ten seconds', async () => {
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => (now += 700))
    const { recorded } = await scanned(start, SCAN)
    const steps = [...recorded.checkpoints.keys()]
    expect(steps.length).toBeGreaterThan(1)
    expect(steps).toEqual([...steps].sort((one, other) => one - other))
    const [step = 0] = steps
    const checkpoint = recorded.checkpoints.get(step) ?? new Uint8Array()
    vi.restoreAllMocks()
    const [whole, after] = [await scanned(start, SCAN), await scanned(start, SCAN, { resume: { step, checkpoint } })]
    expect(after.report).toEqual(whole.report)
    // No series reaches over a checkpoint.
    let saved = 0
    for (const entry of recorded.log) {
      if (entry.kind === 'checkpoint') saved = entry.step
      else expect(Math.min(...entry.series.flatMap(({ steps }) => steps))).toBeGreaterThanOrEqual(saved)
    }
  })
})
