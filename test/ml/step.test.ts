import { afterAll, describe, expect, it } from 'vitest'
import type { TrainingJobSpec } from '../../src/contracts/training-job.js'
import type { StoredTensors } from '../../src/formats/safetensors.js'
import { prepareData } from '../../src/ml/data.js'
import { compile } from '../../src/ml/engine/compile.js'
import { runEagerly } from '../../src/ml/engine/eager.js'
import type { Session } from '../../src/ml/engine/types.js'
import { buildModel } from '../../src/ml/models/model.js'
import { initialState, prunedKernels, type StepParts, trainSignature } from '../../src/ml/step.js'
import { expandModel } from '../../src/planning/presets.js'
import { moonData, moonSpec, moons } from './fixtures.js'

const open: Session[] = []
afterAll(() => {
  for (const session of open) session.close()
})

function stepOf(spec: TrainingJobSpec, changes: StoredTensors = {}) {
  const model = buildModel(expandModel(spec.model), spec.loss)
  const parts: StepParts = { spec, model, pruned: prunedKernels(spec, model) }
  const initial = { ...initialState(parts), ...changes }
  const state = { ...prepareData(moonData(), moons, spec).state, ...initial }
  const make = (build: typeof compile) => {
    const session = build(state, { train: trainSignature(parts, 20) })
    open.push(session)
    return session
  }
  return { initial, compiled: () => make(compile), eager: () => make(runEagerly) }
}

const feeds = (step: number) => ({
  rows: Int32Array.from({ length: 20 }, (_, index) => (7 * step + index) % 90),
  learningRate: Float32Array.of(0.05),
  step: Int32Array.of(step),
})

describe('a train step', () => {
  const pruning = { schedule: { kind: 'one-shot', finalSparsity: 0.5, beginStep: 0 } }
  it.each<[string, Record<string, unknown>]>([
    ['sgd', { optimizer: { kind: 'sgd', learningRate: 0.1 }, clipping: { mode: 'none' } }],
    ['nesterov, global norm, l2, masks', { pruning }],
    ['adam, per tensor', { optimizer: { kind: 'adam' }, clipping: { mode: 'norm', maxNorm: 0.1 } }],
    ['by value', { clipping: { mode: 'value', maxValue: 0.01 } }],
  ])('gives equal bits eager and compiled: %s', (_, fields) => {
    const { initial, compiled, eager } = stepOf(moonSpec(fields))
    const sessions = [compiled(), eager()]
    const outputs = sessions.map((session) => session.run('train', feeds(0)))
    expect(outputs[0]).toEqual(outputs[1])
    const [first, second] = sessions.map((session) => session.get(Object.keys(initial)))
    expect(first).toEqual(second)
    expect(first?.['dense-1/kernel']?.values).not.toEqual(initial['dense-1/kernel']?.values)
  })

  it('keeps removed weights and their slots at zero', () => {
    const mask = Float32Array.from({ length: 256 }, (_, index) => index % 2)
    const { compiled } = stepOf(moonSpec({ pruning }), {
      'dense-2/kernel/mask': { type: 'float32', shape: [16, 16], values: mask },
      'dense-2/kernel/momentum': { type: 'float32', shape: [16, 16], values: new Float32Array(256).fill(1) },
    })
    const session = compiled()
    session.run('train', feeds(0))
    const state = session.get(['dense-2/kernel', 'dense-2/kernel/momentum'])
    expect(Object.keys(state).length).toBe(2)
    for (const { values } of Object.values(state)) {
      expect([...values].every((value, index) => (index % 2 === 0 ? value === 0 : value !== 0))).toBe(true)
    }
  })

  it('leaves the state as it was when a gradient is not finite', () => {
    const broken = new Float32Array(32)
    broken[5] = Number.POSITIVE_INFINITY
    const { initial, compiled } = stepOf(moonSpec({ pruning }), {
      'output/kernel': { type: 'float32', shape: [16, 2], values: broken },
    })
    const session = compiled()
    const { loss, gradientNorm } = session.run('train', feeds(0))
    expect(Number.isFinite(loss?.[0]) && Number.isFinite(gradientNorm?.[0])).toBe(false)
    expect(session.get(Object.keys(initial))).toEqual(initial)
  })
})
