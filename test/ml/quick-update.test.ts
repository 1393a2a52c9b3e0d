import { afterAll, describe, expect, it } from 'vitest'
import type { StoredTensors } from '../../src/formats/safetensors.js'
import { compile } from '../../src/ml/engine/compile.js'
import type { Session } from '../../src/ml/engine/types.js'
import { measuredEvery } from '../../src/ml/ledger/series.js'
import { openRun, type Run } from '../../src/ml/run.js'
import { initialState } from '../../src/ml/state.js'
import { trainSignature } from '../../src/ml/step.js'
import { moonData, moonSpec, optionsFor, recorder } from './fixtures.js'

const open: Session[] = []
afterAll(() => {
  for (const session of open) session.close()
})

/** Full batches only, so that every update could be quick. */
function runOf(fields: Record<string, unknown>, changes: StoredTensors = {}): Run {
  const spec = moonSpec({ batchSize: 30, engine: { xla: 'never' }, ...fields })
  const run = openRun(optionsFor(recorder(), { spec, data: { ...moonData(), ...changes } }))
  open.push(run.session)
  return run
}

const RATES = { plateauFactor: 1, rateFactor: 1 }
const callAt = (run: Run, step: number) => {
  const [call] = run.calls(step, RATES).calls
  if (!call) throw new Error('a step without a call')
  return call
}

/** The state and outputs of the same job whose updates are all exact. */
function exactly(run: Run, steps: number) {
  const { parts, data } = run
  const session = compile({ ...data.state, ...initialState(parts) }, { exact: trainSignature(parts, 30) })
  open.push(session)
  const outputs = Array.from({ length: steps }, (_, step) => session.run('exact', callAt(run, step).feeds))
  return { outputs, state: session.get(run.mutable) }
}

/** A feature whose weights get gradients of about 1e15. */
function largeFeatures(): StoredTensors {
  const { 'train.features': features } = moonData()
  if (!features) throw new Error('no features')
  return { 'train.features': { ...features, values: features.values.map((x) => 1e15 * x) } }
}
const linear = {
  model: { kind: 'layers', inputShape: [2], layers: [{ type: 'dense', units: 2, activation: 'softmax' }] },
  normalization: 'none',
}

describe('an update', () => {
  it.each(['norm', 'global-norm'])('is quick for usual gradients, and does what the exact one does: %s', (mode) => {
    const run = runOf({ clipping: { mode, maxNorm: 0.1 } })
    const { outputs, state } = exactly(run, 3)
    outputs.forEach((expected, step) => {
      const call = callAt(run, step)
      expect(call.signature).toBe('train')
      const { gradientNorm, clipped, tensorNorms } = run.execute(call)
      expect(gradientNorm?.[0]).toBeCloseTo(expected.gradientNorm?.[0] ?? Number.NaN, 5)
      expect(clipped).toEqual(expected.clipped)
      expect(tensorNorms?.length).toBe(expected.tensorNorms?.length)
    })
    for (const [name, { values }] of Object.entries(run.session.get(run.mutable)))
      values.forEach((x, i) => {
        expect(x).toBeCloseTo(state[name]?.values[i] ?? Number.NaN, 5)
      })
  })

  it.each(['fail', 'zero'])(
    'whose gradients quick arithmetic does not hold for is the exact one, bit for bit: policy %s',
    (onNonFinite) => {
      const run = runOf({ ...linear, clipping: { mode: 'global-norm', maxNorm: 0.1, onNonFinite } }, largeFeatures())
      const { outputs, state } = exactly(run, 2)
      outputs.forEach((expected, step) => {
        const call = callAt(run, step)
        expect(call.signature).toBe('train')
        expect(run.execute(call)).toEqual(expected)
        expect(expected.gradientNorm?.[0]).toBeGreaterThan(2 ** 40)
        expect(expected.accepted?.[0]).toBe(1)
      })
      expect(run.session.get(run.mutable)).toEqual(state)
    },
  )

  it('that quick arithmetic refuses leaves what the mini-batches before it added up to', () => {
    const fields = { ...linear, batchSize: 15, optimizer: { kind: 'sgd', learningRate: 0.1, accumulateSteps: 2 } }
    const clipping = { mode: 'global-norm', maxNorm: 0.1 }
    const run = runOf({ ...fields, clipping }, largeFeatures())
    const whole = runOf({ ...linear, optimizer: { kind: 'sgd', learningRate: 0.1 }, clipping }, largeFeatures())
    for (const call of run.calls(0, RATES).calls) run.execute(call)
    whole.execute(callAt(whole, 0))
    for (const [name, { values }] of Object.entries(whole.session.get(whole.mutable)))
      values.forEach((x, i) => {
        expect(run.session.get([name])[name]?.values[i]).toBeCloseTo(x, 5)
      })
  })

  it('is exact where the threshold is too small for quick arithmetic', () => {
    expect(callAt(runOf({ clipping: { mode: 'norm', maxNorm: 1e-13 } }), 1).signature).toBe('train-exact')
    expect(callAt(runOf({ clipping: { mode: 'none' } }), 1).signature).toBe('train')
  })

  it('measures everything at every k-th step of a mode that turns gradients', () => {
    const steps = 120
    const run = runOf({ clipping: { mode: 'value', maxValue: 0.001 }, epochs: undefined, steps })
    const every = measuredEvery('value', steps)
    for (let step = 0; step < 7; step++) {
      const outputs = run.execute(callAt(run, step))
      expect('tensorCosines' in outputs).toBe(step % every === 0)
      expect(outputs.tensorEngaged?.length).toBe(6)
    }
  })
})
