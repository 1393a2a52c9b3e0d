import { describe, expect, it } from 'vitest'
import { ClippingReport } from '../../../src/contracts/clipping-report.js'
import { isLayerSeries, isSeriesName } from '../../../src/contracts/metric.js'
import { parse } from '../../../src/contracts/parse.js'
import type { Outputs } from '../../../src/ml/engine/types.js'
import type { LedgerState } from '../../../src/ml/ledger/ledger.js'
import { MAX_POINTS, measuredEvery } from '../../../src/ml/ledger/series.js'
import { makeRandom } from '../../../src/random.js'
import { courseOf, ledgerOf, type MadeUpJob, modelOf, outputsOf, TWO_LAYERS } from './support.js'

const GLOBAL = { mode: 'global-norm', maxNorm: 1 }
const SHADOWS = [
  { mode: 'value', maxValue: 0.5 },
  { mode: 'norm', maxNorm: 2, name: 'gentle' },
]

/** Steps with random norms, of which some are 0, under the mode of `job`. */
function randomSteps(job: MadeUpJob, count: number): Outputs[] {
  const random = makeRandom(9, 'ledger')
  const isValue = job.clipping.mode === 'value'
  return Array.from({ length: count }, (_, step) => {
    const tensorNorms = [0, 1, 2, 3].map(() => (step % 17 === 5 ? 0 : Math.fround(Math.exp(3 * random.normal()))))
    const joint = Math.hypot(...tensorNorms)
    const clipScale = joint > 1 ? Math.fround(1 / joint) : 1
    return outputsOf({
      tensorNorms,
      clipScale,
      threshold: 1,
      ...(isValue && {
        tensorNormsAfter: tensorNorms.map((norm) => norm * clipScale),
        tensorCosines: tensorNorms.map(() => random.uniform()),
        tensorClipped: [3, 1, 0, 2],
      }),
      shadow: [joint / 2, 0.5, step % 2, joint, 1, 0],
    })
  })
}

describe.each([
  ['global-norm', { ...GLOBAL, shadow: SHADOWS }],
  ['value', { mode: 'value', maxValue: 0.1, shadow: SHADOWS }],
])('a job with %s', (_, clipping) => {
  const job = { clipping, steps: 230 }
  const steps = randomSteps(job, job.steps)
  const run = (from: number, to: number, state?: LedgerState) => {
    const ledger = ledgerOf({ ...job, ...(state && { state }) })
    for (let step = from; step < to; step++) ledger.add(step, steps[step] ?? {})
    return ledger
  }

  it('that was saved and resumed, through JSON, has the report of one that was not', () => {
    const whole = run(0, job.steps)
    for (const cut of [0, 1, 57, 115, 229, 230]) {
      const saved: LedgerState = JSON.parse(JSON.stringify(run(0, cut).state()))
      const resumed = run(cut, job.steps, saved)
      expect(resumed.report(2)).toEqual(whole.report(2))
      expect(resumed.state()).toEqual(whole.state())
    }
  })

  it('has at all times a report by the contract, also through JSON', () => {
    const ledger = ledgerOf(job)
    for (let step = 0; step <= job.steps; step++) {
      if (step % 23 === 0 || step < 3) {
        const report = ledger.report(step)
        expect(parse(ClippingReport, report)).toEqual({ ok: true, value: report })
        expect(JSON.parse(JSON.stringify(report))).toEqual(report)
      }
      ledger.add(step, steps[step] ?? steps[0] ?? {})
    }
  })

  it('changes its state with each step and shares none of it', () => {
    const ledger = run(0, 10)
    const before = ledger.state()
    const copy = structuredClone(before)
    ledger.add(10, steps[10] ?? {})
    expect(before).toEqual(copy)
    expect(ledger.state()).not.toEqual(copy)
  })
})

describe('layers', () => {
  it('join the norms of their tensors', () => {
    // dense-1: (3, 4) → 5, dense-3: (0, 12) → 12; together 13. At scale 1/2: 2.5 and 6.
    const ledger = ledgerOf({ clipping: GLOBAL, steps: 1 })
    ledger.add(0, outputsOf({ tensorNorms: [3, 4, 0, 12], clipScale: 0.5, threshold: 6.5 }))
    expect(ledger.series(0)).toEqual({
      ...{ gradientNormAfter: 6.5, clipThreshold: 6.5, clipCosine: 1 },
      'clipping.dense-1.norm': 5,
      'clipping.dense-1.normAfter': 2.5,
      'clipping.dense-1.scale': 0.5,
      'clipping.dense-1.engaged': 1,
      'clipping.dense-3.norm': 12,
      'clipping.dense-3.normAfter': 6,
      'clipping.dense-3.scale': 0.5,
      'clipping.dense-3.engaged': 1,
    })
    const report = ledger.report(0)
    expect(report.layers.map(({ layer, normShare }) => [layer, normShare])).toEqual([
      ['dense-1', expect.closeTo(25 / 169, 12)],
      ['dense-3', expect.closeTo(144 / 169, 12)],
    ])
    expect(report).toMatchObject({
      scale: { meanEffective: 0.5, whileEngaged: { min: 0.5, max: 0.5 } },
      threshold: { min: 6.5, median: 6.5, max: 6.5, last: 6.5 },
      norm: { min: 13, q50: 13, max: 13, mean: 13 },
      dominantLayers: [{ layer: 'dense-3', normShare: expect.closeTo(144 / 169, 12) }],
    })
  })

  it('are engaged where one of their tensors was changed', () => {
    const ledger = ledgerOf({ clipping: { mode: 'norm', maxNorm: 2 }, steps: 2 })
    ledger.add(0, outputsOf({ tensorNorms: [4, 0, 1, 1], tensorScales: [0.5, 1, 1, 1] }))
    ledger.add(1, outputsOf({ tensorNorms: [1, 1, 1, 1] }))
    expect(ledger.report(0).layers.map(({ engagement, meanScale }) => [engagement, meanScale])).toEqual([
      [0.5, 0.75], // (2 / 4 + 1) / 2
      [0, 1],
    ])
  })

  it('say for value how many elements were clipped, and how far they were turned', () => {
    const ledger = ledgerOf({ clipping: { mode: 'value', maxValue: 1 }, steps: 1 })
    ledger.add(
      0,
      outputsOf({
        tensorNorms: [3, 4, 0, 2],
        tensorScales: [1, 0.5, 1, 1],
        tensorNormsAfter: [3, 2, 0, 2],
        tensorCosines: [1, 0.5, 1, 1],
        tensorClipped: [0, 2, 0, 0],
        clipScale: 0.5,
      }),
    )
    const dense1 = ledger.report(0).layers[0]
    expect(dense1?.clippedShare).toBe(2 / 8) // of the 6 + 2 elements of TWO_LAYERS
    // (3 · 3 + 4 · 2 · 0.5) / (√(3² + 4²) · √(3² + 2²))
    expect(dense1?.meanCosine).toBeCloseTo(13 / (5 * Math.sqrt(13)), 12)
    // With dense-3, which is left alone: (13 + 2 · 2) / (√(5² + 2²) · √(13 + 2²))
    expect(ledger.report(0).cosine?.mean).toBeCloseTo(17 / (Math.sqrt(29) * Math.sqrt(17)), 12)
    expect(ledger.series(0)).toMatchObject({ 'clipping.dense-1.clippedShare': 0.25, 'clipping.dense-3.cosine': 1 })
  })

  it.each([3.4e38, 1e-45])('neither overflow nor underflow at norms of %s', (norm) => {
    const ledger = ledgerOf({ clipping: GLOBAL, steps: 1 })
    ledger.add(0, outputsOf({ tensorNorms: [norm, norm, 0, 0], clipScale: 1, gradientNorm: norm }))
    const stored = Math.fround(norm)
    expect((ledger.series(0)['clipping.dense-1.norm'] ?? 0) / stored).toBeCloseTo(Math.SQRT2, 12)
    expect(ledger.report(0).layers.map(({ normShare }) => normShare)).toEqual([expect.closeTo(1, 12), 0])
  })

  it('have no share of a norm of 0', () => {
    const ledger = ledgerOf({ clipping: GLOBAL, steps: 2 })
    ledger.add(0, outputsOf({ tensorNorms: [0, 0, 0, 0] }))
    ledger.add(1, outputsOf({ tensorNorms: [1, 0, 0, 0] }))
    expect(ledger.report(0).layers.map(({ normShare }) => normShare)).toEqual([1, 0])
    expect(ledger.report(0).scale.meanEffective).toBe(1)
  })

  it('are three to dominate where none has half', () => {
    const model = modelOf({ a: [1], b: [1], c: [1], d: [1] })
    const ledger = ledgerOf({ clipping: GLOBAL, model, steps: 1 })
    ledger.add(0, outputsOf({ tensorNorms: [1, 2, 3, 2.5] }))
    expect(ledger.report(0).dominantLayers.map(({ layer }) => layer)).toEqual(['c', 'd', 'b'])
  })
})

describe('series', () => {
  it.each([
    [1, 1],
    [2000, 1],
    [2001, 2],
    [123_456, 62],
  ])('of %i steps come at every %i-th', (steps, stride) => {
    const ledger = ledgerOf({ clipping: GLOBAL, steps })
    const outputs = outputsOf({ tensorNorms: [1, 1, 1, 1] })
    const recorded: number[] = []
    for (let step = 0; step < Math.min(steps, 200); step++) {
      ledger.add(step, outputs)
      if (Object.keys(ledger.series(step)).some(isLayerSeries)) recorded.push(step)
      expect(ledger.series(step).clipCosine).toBe(1)
    }
    expect(recorded).toEqual(Array.from({ length: Math.ceil(Math.min(steps, 200) / stride) }, (_, i) => i * stride))
    expect(Math.ceil(steps / stride)).toBeLessThanOrEqual(MAX_POINTS)
  })

  it('have names that the api knows, and are those of the last step only', () => {
    const ledger = ledgerOf({ clipping: GLOBAL, steps: 5 })
    ledger.add(3, outputsOf({ tensorNorms: [1, 1, 1, 1] }))
    // 4 of each of both layers, and gradientNormAfter and clipCosine: there is no threshold.
    expect(Object.keys(ledger.series(3)).length).toBe(10)
    expect(Object.keys(ledger.series(3)).every(isSeriesName)).toBe(true)
    expect(ledger.series(2)).toEqual({})
  })

  it('tell of all gradients the norm after clipping, the threshold, and how far they were turned', () => {
    const ledger = ledgerOf({ clipping: { mode: 'norm', maxNorm: 2 }, steps: 1 })
    ledger.add(0, outputsOf({ tensorNorms: [4, 3, 0, 2], tensorScales: [0.5, 2 / 3, 1, 1], threshold: 2 }))
    // After: (2, 2, 0, 2). Turned, for the tensors were shortened by different factors: (4 · 2 + 3 · 2 + 2 · 2) / (√29 · √12)
    expect(ledger.series(0)).toMatchObject({
      gradientNormAfter: expect.closeTo(Math.sqrt(12), 6),
      clipThreshold: 2,
      clipCosine: expect.closeTo(18 / Math.sqrt(29 * 12), 6),
      // Of the first layer: (4 · 2 + 3 · 2) / (√25 · √8)
      'clipping.dense-1.cosine': expect.closeTo(14 / (5 * Math.sqrt(8)), 6),
      'clipping.dense-3.cosine': 1,
    })
    expect(ledger.report(0).layers.map(({ meanCosine }) => meanCosine)).toEqual([
      expect.closeTo(14 / (5 * Math.sqrt(8)), 6),
      1,
    ])
  })

  it.each([0, Number.POSITIVE_INFINITY])('have no threshold where it is %d', (threshold) => {
    const ledger = ledgerOf({ clipping: GLOBAL, steps: 1 })
    ledger.add(0, outputsOf({ tensorNorms: [1, 0, 0, 0], threshold }))
    expect(ledger.series(0)).not.toHaveProperty('clipThreshold')
    expect(ledger.report(0).layers[0]?.meanCosine).toBeNull()
  })

  it('are only the norms where nothing is clipped', () => {
    const ledger = ledgerOf({ clipping: { mode: 'none' }, steps: 5 })
    ledger.add(0, outputsOf({ tensorNorms: [3, 4, 1, 0] }))
    expect(ledger.series(0)).toEqual({ 'clipping.dense-1.norm': 5, 'clipping.dense-3.norm': 1 })
  })
})

describe('a mode that turns gradients', () => {
  const clipping = { mode: 'value', maxValue: 1 }
  /** One tensor of four is clipped; nothing else is said of a step that is not measured. */
  const {
    tensorClipped: _,
    tensorScales: __,
    ...unmeasured
  } = outputsOf({
    ...{ tensorNorms: [3, 4, 0, 2], tensorClipped: [0, 1, 0, 0], clipScale: 0.5 },
  })

  it.each([
    [1, 1],
    [50, 1],
    [51, 2],
    [2000, 40],
    [9950, 199],
    [9951, 200],
    [400_000, 200],
    [400_001, 201],
  ])('is measured in a job of %i steps at every %i-th', (steps, stride) => {
    expect(measuredEvery('value', steps)).toBe(stride)
    expect(measuredEvery('adaptive', steps)).toBe(stride)
    expect(measuredEvery('norm', steps)).toBe(1)
    expect(Math.ceil(steps / stride)).toBeLessThanOrEqual(MAX_POINTS)
  })

  it('has norms and engagement of every step, and the rest of the measured ones', () => {
    const ledger = ledgerOf({ clipping, steps: 100 })
    const measured = (cosine: number) =>
      outputsOf({
        ...{ tensorNorms: [3, 4, 0, 2], tensorScales: [1, 0.5, 1, 1], tensorNormsAfter: [3, 2, 0, 2] },
        ...{ tensorCosines: [1, cosine, 1, 1], tensorClipped: [0, 1, 0, 0], clipScale: 0.5 },
      })
    ledger.add(0, measured(0.5))
    ledger.add(1, unmeasured)
    ledger.add(2, measured(0.75))
    expect(Object.keys(ledger.series(2)).length).toBe(14)
    ledger.add(3, unmeasured)
    expect(ledger.series(3)).toEqual({
      ...{ 'clipping.dense-1.norm': 5, 'clipping.dense-1.engaged': 1 },
      ...{ 'clipping.dense-3.norm': 2, 'clipping.dense-3.engaged': 0 },
    })
    const { steps, measuredSteps, engagement, scale, cosine, layers } = ledger.report(0)
    expect({ steps, measuredSteps, engaged: engagement.steps }).toEqual({ steps: 4, measuredSteps: 2, engaged: 4 })
    expect(scale.whileEngaged).toMatchObject({ min: 0.5, max: 0.5 })
    expect(scale.meanEffective).toBeCloseTo(Math.sqrt(17 / 29), 12)
    // (3 · 3 + 4 · 2 · c + 2 · 2) / (√29 · √17) for c = 0.5 and 0.75
    expect(cosine?.mean).toBeCloseTo(18 / Math.sqrt(29 * 17), 12)
    expect(cosine?.min).toBeCloseTo(17 / Math.sqrt(29 * 17), 12)
    expect(layers[0]).toMatchObject({ engagement: 1, clippedShare: 1 / 8, meanScale: Math.sqrt(13) / 5 })
  })

  it('needs the figures of a measured step', () => {
    expect(() => ledgerOf({ clipping, steps: 100 }).add(0, unmeasured)).toThrow(/'tensorScales', the ledger expects 4/)
  })
})

describe('engagement', () => {
  it('is told over time, with first, last and longest run', () => {
    const norms = [1, 3, 3, 1, 1, 3, 3, 3, 1, 1]
    expect(courseOf(norms, 2).report(0).engagement).toEqual({
      rate: 0.5,
      steps: 5,
      firstStep: 1,
      lastStep: 7,
      longestRun: 3,
      overTime: norms.map((norm, step) => ({ fromStep: step, toStep: step + 1, rate: norm > 2 ? 1 : 0 })),
    })
  })

  it.each([1, 99, 100, 101, 250, 999])('has at most 100 windows of equal length that cover %i steps', (steps) => {
    const norms = Array.from({ length: steps }, (_, step) => (step % 3 === 0 ? 3 : 1))
    const { rate, overTime } = courseOf(norms, 2).report(0).engagement
    expect(overTime.length).toBeLessThanOrEqual(100)
    expect(overTime[0]?.fromStep).toBe(0)
    expect(overTime.at(-1)?.toStep).toBe(steps)
    const lengths = overTime.map(({ fromStep, toStep }) => toStep - fromStep)
    expect(new Set(lengths.slice(0, -1)).size).toBeLessThanOrEqual(1)
    const total = overTime.reduce((sum, window, i) => sum + window.rate * (lengths[i] ?? 0), 0)
    expect(total / steps).toBeCloseTo(rate, 10)
  })
})

it('leaves out steps whose norm is not finite', () => {
  const ledger = ledgerOf({ clipping: GLOBAL, steps: 3 })
  ledger.add(0, outputsOf({ tensorNorms: [1, 0, 0, 0] }))
  const before = ledger.report(1)
  ledger.add(1, outputsOf({ tensorNorms: [Number.NaN, 0, 0, 0] }))
  ledger.add(2, outputsOf({ tensorNorms: [1, 0, 0, 0], gradientNorm: Number.POSITIVE_INFINITY }))
  expect(ledger.report(1)).toEqual(before)
  expect(before.nonFinite).toEqual({ count: 1, policy: 'fail' })
})

it('tells what shadows would have done', () => {
  const ledger = ledgerOf({ clipping: { ...GLOBAL, shadow: SHADOWS }, steps: 2 })
  ledger.add(0, outputsOf({ tensorNorms: [4, 0, 0, 0], clipScale: 0.25, shadow: [1, 0.25, 1, 4, 1, 0] }))
  ledger.add(1, outputsOf({ tensorNorms: [2, 0, 0, 0], clipScale: 0.5, shadow: [2, 1, 0, 2, 1, 0] }))
  expect(ledger.report(0).shadows).toMatchObject([
    {
      name: 'value-0',
      mode: 'value',
      engagement: 0.5,
      meanScale: 0.625,
      smallestScale: 0.25,
      normAfter: { mean: 1.5 },
    },
    { name: 'gentle', mode: 'norm', engagement: 0, meanScale: 1, verdict: { code: 'never-engaged' } },
  ])
})

it('refuses outputs that do not fit and a state of another model', () => {
  const ledger = ledgerOf({ clipping: { mode: 'value', maxValue: 1 }, steps: 1 })
  expect(() => ledger.add(0, outputsOf({ tensorNorms: [1, 1, 1, 1] }))).toThrow(/'tensorEngaged', the ledger expects 4/)
  const state = courseOf([1], 2).state()
  expect(() => ledgerOf({ clipping: GLOBAL, model: TWO_LAYERS, steps: 1, state })).toThrow(
    expect.objectContaining({ code: 'CHECKPOINT_INVALID' }),
  )
})
