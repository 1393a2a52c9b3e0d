import { describe, expect, it } from 'vitest'
import { VERDICT_CODES, type VerdictCode } from '../../../src/contracts/clipping-report.js'
import type { Ledger } from '../../../src/ml/ledger/ledger.js'
import { show } from '../../../src/ml/ledger/words.js'
import { courseOf, ledgerOf, type MadeUpJob, modelOf, outputsOf } from './support.js'

const seen = new Set<VerdictCode>()
function verdictsOf(ledger: Ledger, nonFinite = 0) {
  const { verdicts } = ledger.report(nonFinite)
  for (const { code } of verdicts) seen.add(code)
  return verdicts
}
/** One step of mode value at 1, over a tensor of four elements of which one is cut. */
function valueLedger({
  scale,
  cosine = 1,
  ...job
}: {
  scale: number
  cosine?: number
  optimizer?: MadeUpJob['optimizer']
}) {
  const ledger = ledgerOf({ ...job, clipping: { mode: 'value', maxValue: 1 }, model: modelOf({ only: [4] }), steps: 1 })
  const uneven = { tensorNormsAfter: [2 * scale], tensorCosines: [cosine], tensorClipped: [1] }
  ledger.add(0, outputsOf({ tensorNorms: [2], tensorScales: [scale], threshold: 1, ...uneven }))
  return ledger
}

const codesOf = (ledger: Ledger, nonFinite = 0) => verdictsOf(ledger, nonFinite).map(({ code }) => code)

/** 100 norms of which `share` · 100, spread evenly, are 4 and the others 1. */
const withLarge = (share: number) =>
  Array.from({ length: 100 }, (_, i) => (Math.floor((i + 1) * share + 1e-9) > Math.floor(i * share + 1e-9) ? 4 : 1))
const constant = (count: number, norm: number) => Array.from({ length: count }, () => norm)

describe('how often it engaged', () => {
  it('never: names threshold, largest norm and the 90 % quantile', () => {
    // 90 % of the norms are 1 to 90 / 75 = 1.2, the largest is 3.1.
    const norms = [...Array.from({ length: 99 }, (_, i) => (i + 1) / 75), 3.1]
    expect(verdictsOf(courseOf(norms, 10))).toEqual([
      {
        code: 'never-engaged',
        severity: 'advice',
        text: expect.stringMatching(
          /^Never engaged: the threshold 10 has no effect: the largest norm over all gradients was 3\.1; at 1\.(19|2|21) \(the 90 % quantile\) it would have engaged in 10 % of the steps\.$/,
        ),
      },
    ])
  })

  it('never, in a mode whose threshold is no joint norm: without a suggestion', () => {
    const [verdict] = verdictsOf(courseOf(constant(60, 1), 10, { clipping: { mode: 'norm', maxNorm: 10 } }))
    expect(verdict).toMatchObject({ code: 'never-engaged' })
    expect(verdict?.text).not.toContain('quantile')
  })

  it('almost always: a cut of the learning rate', () => {
    // 96 of 100 norms are 4, cut to 1: the mean scale is (96 / 4 + 4) / 100 = 0.28.
    expect(verdictsOf(courseOf(withLarge(0.96), 1))).toEqual([
      {
        code: 'almost-always-engaged',
        severity: 'advice',
        text: expect.stringMatching(
          /^Engaged in 96 % of the steps: acts as a learning-rate cut to ×0\.28 on average\./,
        ),
      },
    ])
  })

  it.each<[number, VerdictCode]>([
    [0.9, 'almost-always-engaged'],
    [0.89, 'moderate'],
    [0.21, 'moderate'],
    [0.2, 'healthy'],
    [0.01, 'healthy'],
  ])('in %d of the steps: %s', (share, code) => {
    expect(codesOf(courseOf(withLarge(share), 2))[0]).toBe(code)
  })

  it('in less than 1 %: rarely', () => {
    expect(codesOf(courseOf([...constant(999, 1), 4], 2))).toEqual(['rarely-engaged'])
  })

  it('only at the start: a warm-up effect', () => {
    expect(verdictsOf(courseOf([...constant(7, 4), ...constant(93, 1)], 2))).toEqual([
      {
        code: 'only-at-the-start',
        severity: 'info',
        text: expect.stringMatching(
          /^Engaged in 7 % of the steps, all of them among the first 7 % \(the last was step 6\)/,
        ),
      },
    ])
    expect(codesOf(courseOf([...constant(21, 4), ...constant(79, 1)], 2))).toEqual(['moderate'])
    // Too short to have a course.
    expect(codesOf(courseOf([4, ...constant(9, 1)], 2))).toEqual(['healthy'])
  })

  it.each<[Record<string, unknown>, RegExp]>([
    [
      { mode: 'norm', maxNorm: 1 },
      /At (3\.9\d|4(\.0\d)?) \(the largest 90 % quantile of a layer's norm, that of 'only'\) no tensor/,
    ],
    [{ mode: 'adaptive' }, /A higher clipFactor \(it is 0\.01\) cuts less often; the output layer is best excluded\.$/],
    [{ mode: 'adaptive', exclude: ['output'] }, /A higher clipFactor \(it is 0\.01\) cuts less often\.$/],
    [{ mode: 'ada-gc' }, /A higher growthFactor \(it is 1\.05\) cuts less often\.$/],
  ])('almost always, %o: says how to make it less', (clipping, remedy) => {
    const shadowed = courseOf(withLarge(1), 1, { clipping: { mode: 'none', shadow: [clipping] }, shadow: [1, 0.25, 1] })
    const [shadow] = shadowed.report(0).shadows
    expect(shadow?.verdict).toMatchObject({ code: 'almost-always-engaged', text: expect.stringMatching(remedy) })
    expect(shadow?.verdict.text).toMatch(/^Would have engaged in 100 %/)
  })

  it('never, of a mode that was only watched', () => {
    const clipping = { mode: 'none', shadow: [{ mode: 'global-norm', maxNorm: 10 }] }
    const [shadow] = courseOf(constant(60, 1), 1, { clipping, shadow: [1, 1, 0] }).report(0).shadows
    expect(shadow?.verdict.text).toMatch(/^Would never have engaged: the threshold 10 would have no effect/)
  })

  it('gives no quantile as advice from fewer than 20 steps', () => {
    const jobs = (steps: number) => [
      courseOf(constant(steps, 1), 10),
      courseOf(constant(steps, 1), Number.POSITIVE_INFINITY, { clipping: { mode: 'none' } }),
      courseOf(constant(steps, 4), 1),
      courseOf(constant(steps, 4), 1, { clipping: { mode: 'norm', maxNorm: 1 } }),
      courseOf([...constant(steps - 1, 1), 200], 1e3),
    ]
    const texts = (steps: number) =>
      jobs(steps).map((job) =>
        verdictsOf(job)
          .map(({ text }) => text)
          .join(' '),
      )
    for (const text of texts(19)) expect(text).not.toContain('quantile')
    for (const text of texts(20)) expect(text).toContain('quantile')
  })

  it('says how much of it lies in the first tenth, if that is the most', () => {
    // Ten large norms of 100: nine in the first ten steps, one in the last.
    const early = [...constant(9, 4), ...constant(90, 1), 4]
    expect(verdictsOf(courseOf(early, 2))[0]?.text).toMatch(
      /^Engaged in 10 % of the steps, 90 % of them in the first tenth: cuts off/,
    )
    expect(verdictsOf(courseOf(withLarge(0.1), 2))[0]?.text).not.toContain('tenth')
    // 1,000 steps are told in 100 windows.
    const rare = [...constant(5, 4), ...constant(994, 1), 4]
    expect(verdictsOf(courseOf(rare, 2))[0]?.text).toMatch(
      /^Engaged in 0\.6 % of the steps, 83\.3 % of them in the first tenth/,
    )
  })

  it('off, or without a step', () => {
    const off = verdictsOf(courseOf(constant(60, 2), Number.POSITIVE_INFINITY, { clipping: { mode: 'none' } }))
    expect(off).toMatchObject([{ code: 'clipping-off', text: expect.stringContaining('global-norm at 2 ') }])
    expect(codesOf(courseOf([], 1))).toEqual(['no-steps'])
  })
})

describe('an optimizer that does not see the scale of gradients', () => {
  const adam = { kind: 'adam', l2: 0 } as const
  const always = withLarge(1)
  it.each([
    ['global-norm', { mode: 'global-norm', maxNorm: 1 }, 'At 4 (the 90 % quantile of the norm)'],
    ['norm', { mode: 'norm', maxNorm: 1 }, "At 4 (the largest 90 % quantile of a layer's norm, that of 'only')"],
    ['block-rms', { mode: 'block-rms', maxRms: 0.3 }, 'A higher maxRms (it is 0.3)'],
    ['auto', { mode: 'auto' }, 'At percentile 90 (it is 10)'],
    ['z-score', { mode: 'z-score' }, 'A higher zThreshold (it is 2.5)'],
    ['ada-gc', { mode: 'ada-gc' }, 'A higher growthFactor (it is 1.05)'],
  ])(
    'makes %s in every step count for nothing: that is said instead of a learning-rate cut',
    (mode, clipping, remedy) => {
      // Quantiles are within 1 %, so the 4 may be told as 4 or 3.99.
      expect(verdictsOf(courseOf(always, 1, { optimizer: adam, clipping }))).toEqual([
        {
          code: 'scale-irrelevant',
          severity: 'advice',
          text: expect.stringMatching(
            new RegExp(
              `^Engaged in 100 % of the steps, but Adam's update does not depend on .*: ${mode} changes little`,
            ),
          ),
        },
      ])
      const [verdict] = verdictsOf(courseOf(always, 1, { optimizer: adam, clipping }))
      expect(verdict?.text.replace(/At (3\.9\d|4\.0\d) /, 'At 4 ')).toContain(remedy)
    },
  )
  it('but not value, whose elements have no common factor', () => {
    const [verdict] = verdictsOf(valueLedger({ scale: 0.5, optimizer: adam }))
    expect(verdict).toMatchObject({
      code: 'almost-always-engaged',
      text: 'Engaged in 100 % of the steps, which leaves ×0.5 of the norm on average. A higher maxValue (it is 1) cuts less often.',
    })
  })
  it.each([
    ['with SGD', always, { optimizer: { kind: 'sgd', l2: 0 } as const }],
    ['beside an L2 penalty', always, { optimizer: { ...adam, l2: 0.1 } }],
    ['where clipping is not constant', withLarge(0.5), { optimizer: adam }],
  ])('is not spoken of %s', (_, norms, job) => {
    expect(codesOf(courseOf(norms, 1, job))).not.toContain('scale-irrelevant')
  })
})

describe('layers', () => {
  const withNorms = (...tensorNorms: number[]) => {
    const model = modelOf(Object.fromEntries(tensorNorms.map((_, i) => [`layer-${i}`, [1]])))
    const ledger = ledgerOf({ clipping: { mode: 'global-norm', maxNorm: 100 }, model, steps: 1 })
    ledger.add(0, outputsOf({ tensorNorms, threshold: 100 }))
    return ledger
  }
  it('one dominates', () => {
    // 9 / (9 + 1 + 1 + 1) = 75 %
    expect(verdictsOf(withNorms(1, 3, 1, 1))).toContainEqual({
      code: 'layer-dominates',
      severity: 'info',
      text: expect.stringContaining("Layer 'layer-1' has 75 % of the squared norm over the 4 layers"),
    })
  })
  it.each(['norm', 'block-rms', 'ada-gc'])('is not told to use a mode per tensor if it does, with %s', (mode) => {
    const clipping = { mode, ...(mode === 'norm' ? { maxNorm: 100 } : mode === 'block-rms' ? { maxRms: 100 } : {}) }
    const ledger = ledgerOf({ clipping, model: modelOf({ a: [1], b: [1], c: [1] }), steps: 1 })
    ledger.add(0, outputsOf({ tensorNorms: [9, 1, 1] }))
    const verdict = verdictsOf(ledger).find(({ code }) => code === 'layer-dominates')
    expect(verdict?.text).toMatch(/mostly its own\.$/)
    expect(verdictsOf(withNorms(1, 3, 1, 1)).at(-1)?.text).toMatch(/Mode norm bounds each tensor by itself\.$/)
  })
  it.each<[string, MadeUpJob['optimizer'], Record<string, unknown>, boolean]>([
    ['SGD and norm', { kind: 'sgd', l2: 0 }, { mode: 'norm', maxNorm: 1e-5 }, true],
    ['SGD and one factor for all', { kind: 'sgd', l2: 0 }, { mode: 'global-norm', maxNorm: 1e-5 }, false],
    ['an optimizer that does not see the scale', { kind: 'adam', l2: 0 }, { mode: 'norm', maxNorm: 1e-5 }, false],
  ])('one hardly moves: %s', (_, optimizer, clipping, isFrozen) => {
    const ledger = ledgerOf({ clipping, optimizer, model: modelOf({ a: [1], b: [1], c: [1] }), steps: 1 })
    ledger.add(0, outputsOf({ tensorNorms: [1, 0.5, 0.000005], tensorScales: [1e-5, 2e-5, 1] }))
    const verdict = verdictsOf(ledger).find(({ code }) => code === 'layer-frozen')
    expect(verdict?.text).toBe(
      isFrozen
        ? "Layer 'a' (and 1 more) is nearly frozen: norm leaves ×1e-5 of its gradient on average. Raise maxNorm (it is 1e-5), or exclude the layer."
        : undefined,
    )
  })
  it('one of two has to have 90 %, and one alone dominates none', () => {
    expect(codesOf(withNorms(1, 2.9))).not.toContain('layer-dominates') // 8.41 / 9.41 = 89 %
    expect(codesOf(withNorms(1, 3.1))).toContain('layer-dominates') // 9.61 / 10.61 = 91 %
    expect(codesOf(withNorms(5))).not.toContain('layer-dominates')
  })
})

it('says when clipping turned the gradient', () => {
  const turned = (cosine: number) => valueLedger({ scale: 0.5, cosine })
  expect(verdictsOf(turned(0.71))).toContainEqual({
    code: 'direction-changed',
    severity: 'warning',
    text: expect.stringContaining('0.71 on average'),
  })
  expect(codesOf(turned(0.95))).not.toContain('direction-changed')
})

describe('course of the norm', () => {
  const spiky = (after: number) => [...constant(40, 1), 150, ...constant(59, after)]
  it('spikes, clipped or not', () => {
    expect(verdictsOf(courseOf(spiky(1), 2))).toContainEqual({
      code: 'spikes',
      severity: 'info',
      text: expect.stringMatching(/150 at step 40, 150 times the median 1; clipping engaged there/),
    })
    expect(verdictsOf(courseOf(spiky(1), 1e6)).find(({ code }) => code === 'spikes')?.severity).toBe('advice')
    expect(codesOf(courseOf([...constant(99, 1), 99], 2))).not.toContain('spikes')
  })
  it.each([0, 0.009])('collapses after a spike to %d', (after) => {
    expect(verdictsOf(courseOf(spiky(after), 1e6))).toContainEqual({
      code: 'norm-collapsed',
      severity: 'warning',
      text: expect.stringMatching(/^After the spike of 150 at step 40 the norm collapsed: its median from step 90 on/),
    })
  })
  it('does not collapse by falling slowly, nor by a little after a spike', () => {
    const slowly = Array.from({ length: 100 }, (_, step) => 10 ** (-step / 10))
    expect(codesOf(courseOf(slowly, 1e6))).not.toContain('norm-collapsed')
    expect(codesOf(courseOf(spiky(0.011), 1e6))).not.toContain('norm-collapsed')
  })
})

describe('gradients that were not finite', () => {
  const off = { clipping: { mode: 'none' } }
  const textOf = (ledger: Ledger, count = 1) =>
    verdictsOf(ledger, count).find(({ code }) => code === 'non-finite')?.text
  it('are told with their number, and not if there were none', () => {
    expect(verdictsOf(courseOf([1], 2), 3)).toContainEqual({
      code: 'non-finite',
      severity: 'warning',
      text: 'In 3 steps a gradient was NaN or infinite (policy fail): clipping cannot mend that; a lower learning rate may.',
    })
    expect(codesOf(courseOf([1], 2))).not.toContain('non-finite')
  })
  it('after a norm that grew without clipping: clip it', () => {
    const growing = Array.from({ length: 24 }, (_, step) => (step < 20 ? 1 : 100 ** (step - 19)))
    expect(textOf(courseOf(growing, Number.POSITIVE_INFINITY, off))).toMatch(
      /clipping is off, and the norm had grown to 1e8 at step 23, (9\.9\d|1(\.0\d)?)e[78] times its median; clip it, by global-norm at the median (0\.99\d?|1|1\.01), or/,
    )
    expect(textOf(courseOf([1, 1, 50], Number.POSITIVE_INFINITY, off))).toMatch(/clip it, by global-norm, or lower/)
    expect(textOf(courseOf([1, 2, 4], Number.POSITIVE_INFINITY, off))).toMatch(/clipping cannot mend that/)
  })
  it('from the first step on: neither clipping nor the learning rate is the cause', () => {
    expect(textOf(courseOf([], 1))).toMatch(/look at the data/)
  })
})

it.each([
  [0, '0'],
  [0.3149, '0.315'],
  [12_345, '12300'],
  [999_499, '999000'],
  [999_500, '1e6'],
  [53_412_345_678_901, '5.34e13'],
  [0.0001, '0.0001'],
  [0.00009994, '9.99e-5'],
  [1.2e-9, '1.2e-9'],
  [3.4e38, '3.4e38'],
])('writes %d as %s', (value, shown) => {
  expect(show(value)).toBe(shown)
})

it('has a test of every verdict above', () => {
  expect([...seen].sort()).toEqual([...VERDICT_CODES].sort())
})
