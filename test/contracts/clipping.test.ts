import { describe, expect, it } from 'vitest'
import { ClippingSpec, MAX_SHADOWS, nonFiniteBudgetOf } from '../../src/contracts/clipping.js'
import { parse } from '../../src/contracts/parse.js'

const errorsOf = (spec: unknown) => {
  const parsed = parse(ClippingSpec, spec)
  return parsed.ok ? [] : parsed.errors.map(({ pointer }) => pointer)
}
const filledIn = (spec: unknown) => {
  const parsed = parse(ClippingSpec, spec)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  return parsed.value
}

describe('defaults', () => {
  it.each([
    [{ mode: 'adaptive' }, { clipFactor: 0.01, epsilon: 1e-3 }],
    [{ mode: 'auto' }, { percentile: 10, historySize: 1000 }],
    [
      { mode: 'z-score' },
      { zThreshold: 2.5, alpha: 0.97, warmupSteps: 25, response: 'adaptive-scaling', updateOnSpike: true },
    ],
    [{ mode: 'ada-gc' }, { maxNorm: 1, growthFactor: 1.05, beta: 0.98, warmupSteps: 100 }],
    [
      { mode: 'block-rms', maxRms: 1 },
      { include: ['*'], exclude: [] },
    ],
    [
      { mode: 'global-norm', maxNorm: 1 },
      { p: 2, onNonFinite: 'fail', shadow: [], learningRateFactor: 0.5 },
    ],
    [{ mode: 'norm', maxNorm: 1 }, { thresholdSchedule: { kind: 'constant' } }],
  ])('of %j hold %j', (spec, filled) => {
    expect(filledIn(spec)).toMatchObject(filled)
  })

  it('are filled in for shadows, which have no policy of their own', () => {
    const { shadow } = filledIn({ mode: 'none', shadow: [{ mode: 'auto', name: 'AutoClip' }] })
    expect(shadow).toEqual([
      { mode: 'auto', name: 'AutoClip', percentile: 10, historySize: 1000, include: ['*'], exclude: [] },
    ])
  })
})

it.each([
  [{ mode: 'norm' }, '/maxNorm'],
  [{ mode: 'norm', maxNorm: 0 }, '/maxNorm'],
  [{ mode: 'norm', maxNorm: Number.NaN }, '/maxNorm'],
  [{ mode: 'norm', maxNorm: 1e39 }, '/maxNorm'],
  [{ mode: 'norm', maxNorm: 1e-39 }, '/maxNorm'],
  [{ mode: 'block-rms', maxRms: -1 }, '/maxRms'],
  [{ mode: 'global-norm', maxNorm: 1, p: 4 }, '/p'],
  [{ mode: 'adaptive', clipFactor: 0 }, '/clipFactor'],
  [{ mode: 'auto', percentile: 101 }, '/percentile'],
  [{ mode: 'auto', percentile: 0 }, '/percentile'],
  [{ mode: 'norm', maxNorm: 1, shadow: [{ mode: 'none' }] }, '/shadow/0/mode'],
  [{ mode: 'auto', historySize: 10_001 }, '/historySize'],
  [{ mode: 'z-score', alpha: 1 }, '/alpha'],
  [{ mode: 'z-score', response: 'none' }, '/response'],
  [{ mode: 'ada-gc', warmupSteps: 0 }, '/warmupSteps'],
  [{ mode: 'none', include: ['*'] }, '/include'],
  [{ mode: 'none', onNonFinite: 'ignore' }, '/onNonFinite'],
  [{ mode: 'none', nonFiniteBudget: -1 }, '/nonFiniteBudget'],
  [{ mode: 'none', shadow: [{ mode: 'auto', onNonFinite: 'skip' }] }, '/shadow/0/onNonFinite'],
  [{ mode: 'none', shadow: Array(MAX_SHADOWS + 1).fill({ mode: 'auto' }) }, '/shadow'],
  [{ mode: 'norm', maxNorm: 1, thresholdSchedule: { kind: 'linear' } }, '/thresholdSchedule/finalFraction'],
  [
    { mode: 'norm', maxNorm: 1, thresholdSchedule: { kind: 'cosine', finalFraction: 0 } },
    '/thresholdSchedule/finalFraction',
  ],
  [{ mode: 'clip' }, '/mode'],
])('refuses %j at %s', (spec, pointer) => {
  expect(errorsOf(spec)).toEqual([pointer])
})

it('tolerates ten gradients that are not finite, three with rollback, none with fail, unless told', () => {
  const budget = (fields: Record<string, unknown>) => nonFiniteBudgetOf(filledIn({ mode: 'none', ...fields }))
  expect([{ onNonFinite: 'fail' }, { onNonFinite: 'skip' }, { onNonFinite: 'zero' }].map(budget)).toEqual([0, 10, 10])
  expect(budget({ onNonFinite: 'rollback' })).toBe(3)
  expect(budget({ onNonFinite: 'skip', nonFiniteBudget: 0 })).toBe(0)
})
