import { afterAll, describe, expect, it } from 'vitest'
import type { DatasetSchema } from '../../src/contracts/dataset.js'
import type { StoredTensors } from '../../src/formats/safetensors.js'
import { prepareData } from '../../src/ml/data.js'
import { compile } from '../../src/ml/engine/compile.js'
import type { Session } from '../../src/ml/engine/types.js'
import { buildModel } from '../../src/ml/models/model.js'
import { initialState, passingState, type StepParts } from '../../src/ml/state.js'
import { accumulateSignature, trainSignature } from '../../src/ml/step.js'
import { expandModel } from '../../src/planning/presets.js'
import { plannedMoonSpec } from './fixtures.js'

const BATCH = 4
const schema: DatasetSchema = {
  exampleShape: [2],
  featureType: 'float32',
  columns: ['x', 'y'],
  target: { kind: 'number', size: 1 },
  trainRows: 12,
  testRows: 0,
}
/** The mean of the last four labels, two of which are 3e38, is no float32, but the gradient of |output − label| is ±1 for each. */
const data: StoredTensors = {
  'train.features': {
    type: 'float32',
    shape: [12, 2],
    values: Float32Array.from({ length: 24 }, (_, place) => Math.sin(place)),
  },
  'train.labels': {
    type: 'float32',
    shape: [12, 1],
    values: Float32Array.from({ length: 12 }, (_, row) => (row > 9 ? 3e38 : Math.cos(row))),
  },
}
const [good, other, bad] = [0, 1, 2].map((batch) => Int32Array.from({ length: BATCH }, (_, place) => 4 * batch + place))

const open: Session[] = []
afterAll(() => {
  for (const session of open) session.close()
})

/** Updates of `accumulateSteps` mini-batches, as `run.ts` makes them. */
function scene(accumulateSteps: number, learningRate = 0.1) {
  const spec = plannedMoonSpec(
    {
      model: {
        kind: 'layers',
        inputShape: [2],
        layers: [
          { type: 'dense', units: 3 },
          { type: 'batch-normalization', momentum: 0.5 },
          { type: 'dense', units: 1, name: 'output' },
        ],
      },
      loss: 'mean-absolute-error',
      normalization: 'none',
      metrics: [],
      optimizer: { kind: 'sgd', learningRate: 0.1, momentum: 0.9, accumulateSteps },
      clipping: { mode: 'global-norm', maxNorm: 1, onNonFinite: 'skip' },
      batchSize: BATCH,
    },
    schema,
  )
  const parts: StepParts = { spec, model: buildModel(expandModel(spec.model), spec.loss), pruned: [] }
  const initial = initialState(parts)
  const session = compile(
    { ...prepareData(data, schema, spec).state, ...passingState(parts), ...initial },
    {
      update: trainSignature(parts, BATCH),
      ...(accumulateSteps > 1 ? { accumulate: accumulateSignature(parts, BATCH) } : {}),
    },
  )
  open.push(session)
  let draw = 0
  const update = (...batches: (Int32Array | undefined)[]) => {
    let outputs = {} as ReturnType<Session['run']>
    const step = Math.floor(draw / accumulateSteps)
    for (const [place, rows = new Int32Array()] of batches.entries()) {
      const mini = { share: Float32Array.of(1 / batches.length), draw: Int32Array.of(draw++) }
      const scheduled = {
        learningRate: Float32Array.of(learningRate),
        threshold: Float32Array.of(1),
        step: Int32Array.of(step),
      }
      const isLast = place === batches.length - 1
      const feeds = { rows, ...(isLast ? scheduled : {}), ...(accumulateSteps > 1 ? mini : {}) }
      outputs = session.run(isLast ? 'update' : 'accumulate', feeds)
    }
    return outputs
  }
  return { initial, update, state: () => session.get(Object.keys(initial)) }
}

describe('an update of two mini-batches', () => {
  it.each([
    ['first', [bad, good]],
    ['last', [good, bad]],
  ])('changes nothing, moving statistics included, if the loss of the %s is infinite', (_, batches) => {
    const { initial, update, state } = scene(2)
    const { accepted, gradientNorm } = update(...batches)
    expect(accepted?.[0]).toBe(0)
    expect(Number.isFinite(gradientNorm?.[0])).toBe(true)
    expect(state()).toEqual(initial)
  })

  it('takes nothing over from one that was refused', () => {
    const [after, fresh] = [scene(2), scene(2)]
    after.update(bad, good)
    expect(after.update(good, other).accepted?.[0]).toBe(1)
    fresh.update(good, other)
    expect(after.state()).toEqual(fresh.state())
  })

  it('moves the statistics by one mini-batch after the other', () => {
    // At learning rate 0 the weights stay, and the statistics of a batch with them.
    const [together, apart] = [scene(2, 0), scene(1, 0)]
    together.update(good, other)
    apart.update(good)
    apart.update(other)
    const names = ['batch-normalization-1/moving-mean', 'batch-normalization-1/moving-variance']
    for (const name of names) {
      expect(together.state()[name]?.values).toEqual(apart.state()[name]?.values)
      expect(together.state()[name]?.values).not.toEqual(together.initial[name]?.values)
    }
  })
})
