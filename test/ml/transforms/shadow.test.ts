import { describe, expect, it } from 'vitest'
import { makeClipping } from '../../../src/ml/transforms/clipping.js'
import { clipSteps, MODES, specOf } from './modes.js'

const STEPS = [1, 7, 3].map((x) => ({ 'a/kernel': Float32Array.of(3 * x, 4 * x), 'a/bias': Float32Array.of(x) }))
const shadowed = specOf({ mode: 'auto', percentile: 50, historySize: 4, shadow: MODES.slice(1, 9).map(bare) })

/** Just the mode and its fields, as a client sends them. */
function bare(spec: (typeof MODES)[number]) {
  const { thresholdSchedule, onNonFinite, nonFiniteBudget, learningRateFactor, shadow, ...mode } = spec
  return mode
}

describe('shadow', () => {
  it('changes neither the gradients nor the state of the mode that is applied', () => {
    const alone = clipSteps({ ...shadowed, shadow: [] } as typeof shadowed, STEPS)
    clipSteps(shadowed, STEPS).forEach(({ grads, info, state }, step) => {
      expect(grads).toEqual(alone[step]?.grads)
      expect(info).toMatchObject(alone[step]?.info ?? {})
      expect(state).toMatchObject(alone[step]?.state ?? {})
    })
  })

  it('records what each mode would have done by itself', () => {
    for (const modes of [MODES.slice(1, 9), MODES.slice(6)]) {
      const spec = specOf({ mode: 'none', shadow: modes.map(bare) })
      const steps = clipSteps(spec, STEPS)
      modes.forEach((mode, index) => {
        clipSteps(mode, STEPS).forEach(({ info }, step) => {
          const expected = [info.gradientNormAfter?.[0], info.clipScale?.[0], info.clipped?.[0]]
          const row = [...(steps[step]?.info.shadow ?? [])].slice(3 * index, 3 * index + 3)
          expect(row).toEqual(expected)
        })
      })
    }
  })

  it('keeps the state of each under a name of its own', () => {
    const mode = { mode: 'auto', historySize: 2 }
    const params = { w: { shape: [3] } }
    const clipping = makeClipping(
      specOf({ ...mode, shadow: [mode, { mode: 'value', maxValue: 1 }, { mode: 'ada-gc' }] }),
      params,
    )
    expect(Object.keys(clipping.init(params))).toEqual([
      ...['clipping/history', 'clipping/sorted', 'clipping/filled'],
      ...['clipping/shadow-0/history', 'clipping/shadow-0/sorted', 'clipping/shadow-0/filled'],
      ...['clipping/shadow-2/norms', 'clipping/shadow-2/seen'],
    ])
    expect(Object.keys(clipping.stateShapes(params))).toEqual(Object.keys(clipping.init(params)))
  })
})
