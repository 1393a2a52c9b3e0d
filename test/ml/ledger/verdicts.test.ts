import { describe, expect, it } from 'vitest'
import { VERDICT_CODES, type VerdictCode } from '../../../src/contracts/clipping-report.js'
import type { Ledger } from '../../../src/ml/ledger/ledger.js'
import { courseOf, ledgerOf, modelOf, outputsOf } from './support.js'

const seen = new Set<VerdictCode>()
function verdictsOf(ledger: Ledger, nonFinite = 0) {
  const { verdicts } = ledger.report(nonFinite)
  for (const { code } of verdicts) seen.add(code)
  return verdicts
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

  it('off, or without a step', () => {
    const off = verdictsOf(courseOf(constant(60, 2), Number.POSITIVE_INFINITY, { clipping: { mode: 'none' } }))
    expect(off).toMatchObject([{ code: 'clipping-off', text: expect.stringContaining('global-norm at 2 ') }])
    expect(codesOf(courseOf([], 1))).toEqual(['no-steps'])
  })
})

describe('scale', () => {
  const always = withLarge(1)
  const adam = { kind: 'adam', l2: 0 } as const
  it('counts for nothing with an optimizer like Adam', () => {
    const verdict = verdictsOf(courseOf(always, 1, { optimizer: adam })).find(({ code }) => code === 'scale-irrelevant')
    expect(verdict).toMatchObject({
      severity: 'advice',
      text: expect.stringMatching(
        /^Adam's update does not depend on the scale of the gradient: clipping in 100 % of the steps with global-norm changes little/,
      ),
    })
  })
  it.each([
    ['with SGD', always, { optimizer: { kind: 'sgd', l2: 0 } as const }],
    ['beside an L2 penalty', always, { optimizer: { ...adam, l2: 0.1 } }],
    ['where clipping is not constant', withLarge(0.5), { optimizer: adam }],
    ['per tensor', always, { optimizer: adam, clipping: { mode: 'norm', maxNorm: 1 } }],
  ])('does count %s', (_, norms, job) => {
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
  it('one of two has to have 90 %, and one alone dominates none', () => {
    expect(codesOf(withNorms(1, 2.9))).not.toContain('layer-dominates') // 8.41 / 9.41 = 89 %
    expect(codesOf(withNorms(1, 3.1))).toContain('layer-dominates') // 9.61 / 10.61 = 91 %
    expect(codesOf(withNorms(5))).not.toContain('layer-dominates')
  })
})

it('says when clipping turned the gradient', () => {
  const turned = (cosine: number) => {
    const model = modelOf({ only: [4] })
    const ledger = ledgerOf({ clipping: { mode: 'value', maxValue: 1 }, model, steps: 1 })
    const uneven = { tensorNormsAfter: [1], tensorCosines: [cosine], tensorClipped: [1] }
    ledger.add(0, outputsOf({ tensorNorms: [2], tensorScales: [0.5], cosine, threshold: 1, ...uneven }))
    return ledger
  }
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

it('tells of gradients that were not finite', () => {
  expect(verdictsOf(courseOf([1], 2), 3)).toContainEqual({
    code: 'non-finite',
    severity: 'warning',
    text: expect.stringMatching(/^In 3 steps a gradient was NaN or infinite \(policy fail\)/),
  })
  expect(codesOf(courseOf([1], 2))).not.toContain('non-finite')
})

it('has a test of every verdict above', () => {
  expect([...seen].sort()).toEqual([...VERDICT_CODES].sort())
})
