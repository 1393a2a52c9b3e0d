import { describe, expect, it } from 'vitest'
import type { ClippingSpec } from '../../src/contracts/clipping.js'
import { checkThreshold } from '../../src/planning/clipping-checks.js'
import { specOf } from './fixtures.js'

const STEPS = 100
const pointersOf = (clipping: Record<string, unknown>) => {
  const spec: ClippingSpec = specOf({ clipping }).clipping
  return checkThreshold(spec, STEPS).map(({ pointer }) => pointer.replace('/clipping', ''))
}
const norm = (thresholdSchedule: Record<string, unknown>) => ({
  mode: 'norm',
  maxNorm: 1,
  thresholdSchedule: { kind: 'cosine', finalFraction: 0.1, ...thresholdSchedule },
})

describe('clipping in a job of 100 steps', () => {
  it.each<[string, Record<string, unknown>]>([
    ['change its threshold up to the end', norm({ beginStep: 99 })],
    ['change it beyond the end', norm({ beginStep: 99, endStep: 1000 })],
    ['warm up for all steps but one', { mode: 'z-score', warmupSteps: 99 }],
    ['warm up longer under a limit', { mode: 'z-score', warmupSteps: 1000, maxNorm: 1 }],
    ['tolerate what is not finite', { mode: 'none', onNonFinite: 'skip', nonFiniteBudget: 0 }],
    ['have shadows of one mode', { mode: 'none', shadow: [{ mode: 'z-score' }, { mode: 'z-score' }] }],
  ])('may %s', (_, clipping) => {
    expect(pointersOf(clipping)).toEqual([])
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['change its threshold after the end', norm({ beginStep: 100, endStep: 200 }), '/thresholdSchedule/beginStep'],
    ['change it between no two steps', norm({ beginStep: 50, endStep: 50 }), '/thresholdSchedule/beginStep'],
    [
      'change a threshold that it has not',
      { mode: 'none', thresholdSchedule: { kind: 'linear', finalFraction: 0.1 } },
      '/thresholdSchedule',
    ],
    ['only warm up', { mode: 'z-score', warmupSteps: 100 }, '/warmupSteps'],
    ['only warm up per tensor', { mode: 'ada-gc' }, '/warmupSteps'],
    [
      'only warm up in its shadow',
      { mode: 'none', shadow: [{ mode: 'auto' }, { mode: 'ada-gc' }] },
      '/shadow/1/warmupSteps',
    ],
    ['count what fails at once', { mode: 'none', nonFiniteBudget: 1 }, '/nonFiniteBudget'],
    [
      'have a shadow by the name of another',
      { mode: 'none', shadow: [{ mode: 'auto' }, { mode: 'auto', name: 'auto-0' }] },
      '/shadow/1/name',
    ],
  ])('must not %s', (_, clipping, pointer) => {
    expect(pointersOf(clipping)).toEqual([pointer])
  })
})
