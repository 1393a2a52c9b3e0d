import { describe, expect, it } from 'vitest'
import { measuredEvery } from '../../../src/ml/ledger/series.js'
import { moonSpec } from '../fixtures.js'
import { finished } from '../runs.js'

const STEPS = 60
const recordedWith = async (clipping: Record<string, unknown>) => {
  const { recorded, result } = await finished({ spec: moonSpec({ clipping, epochs: undefined, steps: STEPS }) })
  return { ...recorded, clippedStepShare: result.clippedStepShare }
}
const every = (stride: number) => Array.from({ length: Math.ceil(STEPS / stride) }, (_, index) => index * stride)

describe('a job records of all its gradients together', () => {
  it('under global-norm the norm after clipping, the threshold and the cosine, at every step', async () => {
    const { series, clippedStepShare } = await recordedWith({ mode: 'global-norm', maxNorm: 0.2 })
    expect(clippedStepShare).toBeGreaterThan(0)
    for (const name of ['gradientNormAfter', 'clipThreshold', 'clipCosine'])
      expect([...series(name).keys()], name).toEqual(every(1))
    for (const [step, after] of series('gradientNormAfter')) {
      const before = series('gradientNorm').get(step) ?? Number.NaN
      expect(after).toBeCloseTo(Math.min(before, 0.2), 5)
      expect(series('clipThreshold').get(step)).toBe(Math.fround(0.2))
      expect(series('clipCosine').get(step)).toBeCloseTo(1, 6)
    }
  })

  it('under norm a cosine below 1, since tensors are shortened differently; of a layer too', async () => {
    const { series } = await recordedWith({ mode: 'norm', maxNorm: 0.05 })
    expect(Math.min(...series('clipCosine').values())).toBeLessThan(0.99)
    expect(Math.min(...series('clipping.dense-1.cosine').values())).toBeLessThan(0.999)
    expect([...series('clipping.dense-1.cosine').keys()]).toEqual(every(1))
  })

  it('under value the threshold at every step, and the rest where it is measured', async () => {
    const { series } = await recordedWith({ mode: 'value', maxValue: 0.01 })
    const stride = measuredEvery('value', STEPS)
    expect(stride).toBe(2)
    expect([...series('clipThreshold').keys()]).toEqual(every(1))
    expect([...series('gradientNormAfter').keys()]).toEqual(every(stride))
    expect([...series('clipCosine').keys()]).toEqual(every(stride))
    for (const [step, after] of series('gradientNormAfter'))
      expect(after).toBeLessThanOrEqual(series('gradientNorm').get(step) ?? Number.NaN)
  })

  it('without clipping none of these', async () => {
    const { series } = await recordedWith({ mode: 'none' })
    for (const name of ['gradientNormAfter', 'clipThreshold', 'clipCosine']) expect(series(name).size, name).toBe(0)
    expect(series('gradientNorm').size).toBe(STEPS)
  })
})
