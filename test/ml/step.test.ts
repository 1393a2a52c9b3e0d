import { afterAll, describe, expect, it } from 'vitest'
import type { DatasetSchema } from '../../src/contracts/dataset.js'
import type { StoredTensors } from '../../src/formats/safetensors.js'
import { prepareData } from '../../src/ml/data.js'
import { compile } from '../../src/ml/engine/compile.js'
import { runEagerly } from '../../src/ml/engine/eager.js'
import type { Session } from '../../src/ml/engine/types.js'
import { buildModel } from '../../src/ml/models/model.js'
import { maskedWeights, targetsOf } from '../../src/ml/pruning/targets.js'
import { initialState, type StepParts, stateShapes } from '../../src/ml/state.js'
import { trainSignature } from '../../src/ml/step.js'
import type { PlannedSpec } from '../../src/planning/planned-spec.js'
import { expandModel } from '../../src/planning/presets.js'
import { moonData, moons, plannedMoonSpec } from './fixtures.js'

const open: Session[] = []
afterAll(() => {
  for (const session of open) session.close()
})

const prunedBy = ({ pruning, model }: PlannedSpec) =>
  pruning ? maskedWeights(targetsOf(pruning, expandModel(model))) : []

function stepOf(spec: PlannedSpec, changes: StoredTensors = {}, schema = moons, data = moonData()) {
  const model = buildModel(expandModel(spec.model), spec.loss)
  const parts: StepParts = { spec, model, pruned: prunedBy(spec) }
  const initial = { ...initialState(parts), ...changes }
  const state = { ...prepareData(data, schema, spec).state, ...initial }
  const make = (build: typeof compile) => {
    const session = build(state, { train: trainSignature(parts, 20) })
    open.push(session)
    return session
  }
  return { initial, compiled: () => make(compile), eager: () => make(runEagerly) }
}

/** Within 1e-6, relative to numbers above 1. */
function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number> | undefined) {
  expect(actual.length).toBe(expected?.length)
  for (let i = 0; i < actual.length; i++)
    expect(Math.abs((actual[i] ?? 0) - (expected?.[i] ?? 0))).toBeLessThanOrEqual(
      1e-6 * Math.max(1, Math.abs(expected?.[i] ?? 0)),
    )
}

const feeds = (step: number) => ({
  rows: Int32Array.from({ length: 20 }, (_, index) => (7 * step + index) % 90),
  learningRate: Float32Array.of(0.05),
  threshold: Float32Array.of(1),
  step: Int32Array.of(step),
})

describe('a train step', () => {
  const pruning = { schedule: { kind: 'one-shot', finalSparsity: 0.5, beginStep: 0 } }
  it.each<[string, Record<string, unknown>]>([
    ['sgd', { optimizer: { kind: 'sgd', learningRate: 0.1 }, clipping: { mode: 'none' } }],
    ['nesterov, global norm, l2, masks', { pruning }],
    ['adam, per tensor', { optimizer: { kind: 'adam' }, clipping: { mode: 'norm', maxNorm: 0.1 } }],
    ['by value', { clipping: { mode: 'value', maxValue: 0.01 } }],
    [
      // With a bias TensorFlow fuses sum and convolution when compiled, which rounds otherwise.
      'a convolution without bias',
      {
        model: {
          kind: 'layers',
          inputShape: [1, 2, 1],
          layers: [
            {
              type: 'conv2d',
              name: 'dense-1',
              filters: 4,
              useBias: false,
              kernelSize: [1, 2],
              padding: 'same',
              activation: 'relu',
            },
            { type: 'max-pooling2d', poolSize: [1, 2] },
            { type: 'flatten' },
            { type: 'dense', name: 'output', units: 2 },
          ],
        },
      },
    ],
  ])('gives equal bits eager and compiled: %s', (_, fields) => {
    const { initial, compiled, eager } = stepOf(plannedMoonSpec(fields))
    const sessions = [compiled(), eager()]
    const [outputs = {}, others = {}] = sessions.map((session) => session.run('train', feeds(0)))
    // The figures about clipping are sums of their own, which a graph may round otherwise.
    for (const [name, values] of Object.entries(outputs)) expectClose(values, others[name])
    const [first, second] = sessions.map((session) => session.get(Object.keys(initial)))
    expect(first).toEqual(second)
    expect(first?.['dense-1/kernel']?.values).not.toEqual(initial['dense-1/kernel']?.values)
  })

  it('is made without drawing weights, and names just the state that is drawn', () => {
    const spec = plannedMoonSpec({ pruning, optimizer: { kind: 'adam' } })
    const model = buildModel(expandModel(spec.model), spec.loss)
    const parts: StepParts = { spec, model, pruned: prunedBy(spec) }
    const drawn = Object.entries(initialState(parts)).map(([name, { shape }]) => [name, { shape }])
    const initialize = () => {
      throw new Error('weights were drawn')
    }
    const undrawn: StepParts = { ...parts, model: { ...model, initialize } }
    expect(() => trainSignature(undrawn, 20)).not.toThrow()
    expect(stateShapes(undrawn)).toEqual(Object.fromEntries(drawn))
  })

  it('keeps removed weights and their slots at zero', () => {
    const mask = Float32Array.from({ length: 256 }, (_, index) => index % 2)
    const { compiled } = stepOf(plannedMoonSpec({ pruning }), {
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
    const { initial, compiled } = stepOf(plannedMoonSpec({ pruning }), {
      'output/kernel': { type: 'float32', shape: [16, 2], values: broken },
    })
    const session = compiled()
    const { loss, gradientNorm } = session.run('train', feeds(0))
    expect(Number.isFinite(loss?.[0]) && Number.isFinite(gradientNorm?.[0])).toBe(false)
    expect(session.get(Object.keys(initial))).toEqual(initial)
  })

  it('takes a finite loss and norm for what they are, however large their sum', () => {
    // 4 features of 1e22, targets 1e16, weights 0: loss 1e32, gradient 2 · 1e16 · 1e22 = 2e38 each, whose norm 4e38 no float32 holds.
    const schema: DatasetSchema = {
      ...moons,
      exampleShape: [4],
      columns: null,
      target: { kind: 'number', size: 1 },
      testRows: 0,
    }
    const column = (size: number, value: number) => new Float32Array(90 * size).fill(value)
    const data: StoredTensors = {
      'train.features': { type: 'float32', shape: [90, 4], values: column(4, 1e22) },
      'train.labels': { type: 'float32', shape: [90, 1], values: column(1, 1e16) },
    }
    const spec = plannedMoonSpec(
      {
        model: { kind: 'layers', inputShape: [4], layers: [{ type: 'dense', units: 1, name: 'output' }] },
        loss: 'mean-squared-error',
        normalization: 'none',
        metrics: [],
        optimizer: { kind: 'sgd', learningRate: 0.1 },
      },
      schema,
    )
    const zero: StoredTensors = { 'output/kernel': { type: 'float32', shape: [4, 1], values: new Float32Array(4) } }
    const session = stepOf(spec, zero, schema, data).compiled()
    const { loss, clipped } = session.run('train', feeds(0))
    expect([loss?.[0], clipped?.[0]]).toEqual([Math.fround(1e32), 1])
    // Clipped to norm 1, every gradient is −1/2; the learning rate of `feeds` is 0.05.
    for (const weight of session.get(['output/kernel'])['output/kernel']?.values ?? [])
      expect(weight).toBeCloseTo(0.025, 6)
  })
})
