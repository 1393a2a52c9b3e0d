import { describe, expect, it } from 'vitest'
import type { DatasetSchema } from '../../src/contracts/dataset.js'
import type { StoredTensors } from '../../src/formats/safetensors.js'
import { decodeSafetensors } from '../../src/formats/safetensors.js'
import { moonSpec, type Recorded } from './fixtures.js'
import { eventsOf, failed, finished, interrupted } from './runs.js'

const ROWS = 20
const schema: DatasetSchema = {
  exampleShape: [2],
  featureType: 'float32',
  columns: ['x', 'y'],
  target: { kind: 'number', size: 1 },
  trainRows: ROWS,
  testRows: 0,
}

/** Linear regression on rows of which number 7 is out of the ordinary. */
function job(row7: { x: number; y: number }, fields: Record<string, unknown>) {
  const features = Float32Array.from({ length: 2 * ROWS }, (_, place) => (place === 14 ? row7.x : Math.sin(place)))
  const labels = Float32Array.from({ length: ROWS }, (_, row) => (row === 7 ? row7.y : Math.cos(row)))
  const data: StoredTensors = {
    'train.features': { type: 'float32', shape: [ROWS, 2], values: features },
    'train.labels': { type: 'float32', shape: [ROWS, 1], values: labels },
  }
  const spec = moonSpec({
    model: {
      kind: 'layers',
      inputShape: [2],
      layers: [{ type: 'dense', units: 1, name: 'output', kernelInitializer: 'zeros' }],
    },
    loss: 'mean-squared-error',
    normalization: 'none',
    optimizer: { kind: 'sgd', learningRate: 1e-4 },
    clipping: { mode: 'global-norm', maxNorm: 1, onNonFinite: 'skip' },
    batchSize: 5,
    epochs: 4,
    checkpoints: { everySteps: 3, keep: 3 },
    ...fields,
  })
  return { spec, schema, data }
}

/** Its squared error is no float32. */
const INFINITE_LOSS = { x: 1, y: 3e38 }
/** Loss (1e19)² / 5, gradient 2 · 1e19 · 1e20 / 5. */
const INFINITE_GRADIENT = { x: 1e20, y: 1e19 }
/** Gradient 2 · 1e9 · 1e12 / 5 = 4e20, whose square is no float32. */
const LARGE_GRADIENT = { x: 1e12, y: 1e9 }

/** Values of weights, slots and clipping as the checkpoint after `done` updates has them. */
function stateAfter(recorded: Recorded, done: number): Record<string, number[]> {
  const { tensors } = decodeSafetensors(recorded.checkpoints.get(done) ?? new Uint8Array())
  return Object.fromEntries(Object.entries(tensors).map(([name, { values }]) => [name, [...values]]))
}

describe('a step that is not finite', () => {
  it('is skipped within the budget: nothing changes, each occurrence is an event that names the row', async () => {
    const changes = job(INFINITE_LOSS, {
      optimizer: { kind: 'adam', learningRate: 0.01 },
      clipping: { mode: 'auto', onNonFinite: 'skip' },
      checkpoints: { everySteps: 1, keep: 3 },
    })
    const { result, recorded } = await finished(changes)
    const found = eventsOf(recorded, 'training.non-finite')
    expect(found.map(({ occurrences }) => occurrences)).toEqual([1, 2, 3, 4])
    expect(found[0]).toMatchObject({ policy: 'skip', budget: 10, where: expect.stringMatching(/rows.*\b7\b/) })
    const skipped = new Set(found.map(({ step }) => step))
    for (let step = 1; step < result.steps; step++) {
      const [before, after] = [stateAfter(recorded, step), stateAfter(recorded, step + 1)]
      const names = Object.keys(before)
      expect(names).toEqual(expect.arrayContaining(['output/bias', 'output/bias/m', 'clipping/history']))
      const kept = names.filter((name) => after[name]?.join() === before[name]?.join())
      expect(kept, `step ${step}`).toEqual(skipped.has(step) ? names : [])
    }
    expect([...recorded.series('loss').keys()].some((step) => skipped.has(step))).toBe(false)
    expect([...recorded.series('loss').values()].every(Number.isFinite)).toBe(true)
  })

  it('goes on with zeros under zero, where elements were not finite and nowhere else', async () => {
    const changes = job(INFINITE_GRADIENT, {
      optimizer: { kind: 'sgd', learningRate: 1e-4, momentum: 0.9 },
      clipping: { mode: 'global-norm', maxNorm: 1, onNonFinite: 'zero' },
      checkpoints: { everySteps: 1, keep: 3 },
    })
    const { result, recorded } = await finished(changes)
    const found = eventsOf(recorded, 'training.non-finite').map(({ step }) => Number(step))
    expect(found).toHaveLength(4)
    for (const step of found.filter((step) => step > 0)) {
      const [before, after] = [stateAfter(recorded, step), stateAfter(recorded, step + 1)]
      const at = (state: typeof before, name: string) => state[name]?.[0] ?? Number.NaN
      const velocity = (state: typeof before, name: string) => at(state, `output/${name}/momentum`) / 1e-4
      // The gradient of the weight of x is infinite: only its momentum moves it.
      expect(velocity(after, 'kernel')).toBeCloseTo(0.9 * velocity(before, 'kernel'), 5)
      const moved = at(after, 'output/kernel') - at(before, 'output/kernel')
      expect(moved / 1e-4).toBeCloseTo(velocity(after, 'kernel'), 2)
      // Those of the other weight and of the bias are as sin(15) to 1, together of norm 1.
      const share = 1 / Math.hypot(1, Math.sin(15))
      expect(velocity(after, 'bias')).toBeCloseTo(0.9 * velocity(before, 'bias') + share, 5)
    }
    expect(result.nonFiniteSteps).toBe(4)
  })

  it('moves on under zero where the loss itself is infinite', async () => {
    const changes = job(INFINITE_LOSS, {
      optimizer: { kind: 'sgd', learningRate: 1e-4, momentum: 0.9 },
      clipping: { mode: 'global-norm', maxNorm: 1, onNonFinite: 'zero' },
      checkpoints: { everySteps: 1, keep: 3 },
    })
    const { recorded } = await finished(changes)
    const found = eventsOf(recorded, 'training.non-finite').map(({ step }) => Number(step))
    expect(found).toHaveLength(4)
    for (const step of found.filter((step) => step > 0)) {
      const [before, after] = [stateAfter(recorded, step), stateAfter(recorded, step + 1)]
      for (const name of Object.keys(before)) expect(after[name], name).not.toEqual(before[name])
    }
    expect([...recorded.series('loss').values()].every(Number.isFinite)).toBe(true)
  })

  it('is told with the mini-batch that made it so, the first or the last of its update', async () => {
    const sgd = { kind: 'sgd', learningRate: 1e-4, accumulateSteps: 2 }
    const { recorded } = await finished(job(INFINITE_GRADIENT, { optimizer: sgd, epochs: 8 }))
    const found = eventsOf(recorded, 'training.non-finite')
    expect(found).toHaveLength(8)
    for (const { where } of found)
      expect(where).toMatch(/^the gradient of layer 'output' \(output\/kernel\) .* rows of the batch:.*\b7\b/)
  })

  it('is one whose gradient the optimizer cannot square: nothing becomes infinite', async () => {
    const changes = job(LARGE_GRADIENT, {
      optimizer: { kind: 'adam', learningRate: 0.01 },
      clipping: { mode: 'none', onNonFinite: 'skip' },
    })
    const { result, recorded } = await finished(changes)
    expect(result.nonFiniteSteps).toBe(4)
    for (const { where } of eventsOf(recorded, 'training.non-finite'))
      expect(where).toMatch(/^the norm of the gradients after clipping is \d[.\d]*e\d+, whose square/)
    for (const bytes of recorded.checkpoints.values())
      for (const { values } of Object.values(decodeSafetensors(bytes).tensors))
        expect([...values].every(Number.isFinite)).toBe(true)
  })

  it('counts in no mean: the last epoch has none if all of its steps were like that', async () => {
    // One update an epoch, finite only if the feature of row 7 is dropped.
    const layers = [
      { type: 'dropout', rate: 0.5 },
      { type: 'dense', units: 1, name: 'output' },
    ]
    const model = { kind: 'layers', inputShape: [2], layers }
    const { result, recorded } = await finished(job({ x: 1e30, y: 1 }, { model, batchSize: ROWS, epochs: 8, seed: 2 }))
    const steps = [...recorded.series('loss').keys()]
    expect(steps.length).toBeGreaterThan(0)
    expect(steps.at(-1)).toBeLessThan(7)
    expect(result.nonFiniteSteps).toBe(8 - steps.length)
    expect(result.train).toEqual({})
  })
})

describe('the failure', () => {
  it.each(['skip', 'zero'])(
    'of %s names the place, however many steps there were, and what bounds the norm',
    async (onNonFinite) => {
      const clipping = { mode: 'global-norm', maxNorm: 1, onNonFinite, nonFiniteBudget: 11 }
      const { failure, recorded } = await failed(job(INFINITE_LOSS, { clipping, epochs: 20 }))
      expect(failure.message).toMatch(/^step \d+: .* layer 'output'.* NaN or infinite; rows of the batch:.*\b7\b/)
      expect(failure.message).toContain('not finite so far: 12; /clipping/nonFiniteBudget is 11.')
      expect(failure.message).toMatch(/ Lower the learning rate or \/clipping\/maxNorm\.$/)
      expect(eventsOf(recorded, 'training.non-finite')).toHaveLength(12)
    },
  )

  it('advises to clip where nothing is clipped', async () => {
    const { failure } = await failed(job(INFINITE_LOSS, { clipping: { mode: 'none' }, batchSize: 1, seed: 4 }))
    expect(failure.message).toMatch(/ Clip the gradients, or lower the learning rate\.$/)
  })

  it('of the very first step points at the data', async () => {
    const { failure } = await failed(job(INFINITE_LOSS, { clipping: { mode: 'none' }, batchSize: ROWS }))
    expect(failure.message).toMatch(/^step 0: .* No update came before: look at the data/)
  })
})

describe('a rollback', () => {
  const rollback = { mode: 'global-norm', maxNorm: 1, onNonFinite: 'rollback', nonFiniteBudget: 8 }

  it.each([3, 4, 6, 7, 9, 11, 12])(
    'ends in the same weights when the job is interrupted at step %i',
    async (stopAt) => {
      const changes = job(INFINITE_LOSS, {
        clipping: rollback,
        optimizer: { kind: 'sgd', learningRate: 0.1, momentum: 0.9 },
      })
      const expected = await finished(changes)
      const resumed = await interrupted(changes, stopAt)
      expect(resumed.result.weightsSha256).toBe(expected.result.weightsSha256)
      const after = eventsOf(expected.recorded, 'training.non-finite').filter(({ step }) => Number(step) >= stopAt)
      expect(eventsOf(resumed.recorded, 'training.non-finite')).toEqual(after)
    },
  )

  /** Without features there is no loss and no gradient, but at the rate 1000 the penalty makes −9999 w of a weight w, from 1 on. */
  function growing(fields: Record<string, unknown>) {
    const { spec, data } = job(
      { x: 0, y: 0 },
      {
        model: {
          kind: 'layers',
          inputShape: [2],
          layers: [{ type: 'dense', units: 1, name: 'output', kernelInitializer: 'ones' }],
        },
        optimizer: { kind: 'sgd', learningRate: 1000, l2: 10 },
        batchSize: ROWS,
        epochs: undefined,
        checkpoints: { everySteps: 5, keep: 3 },
        ...fields,
      },
    )
    const none = (shape: number[]) => ({ type: 'float32', shape, values: new Float32Array(shape[0] ?? 0) }) as const
    const features = { ...none([2 * ROWS]), shape: [ROWS, 2] }
    return { spec, schema, data: { ...data, 'train.features': features, 'train.labels': none([ROWS, 1]) } }
  }

  it('never goes to a state that is not finite', async () => {
    const clipping = { ...rollback, learningRateFactor: 1e-6 }
    const { result, recorded } = await finished(growing({ clipping, steps: 15, checkpoints: { everySteps: 10 } }))
    // (−9999)¹⁰ is no float32: found where the state of step 10 is kept.
    expect(eventsOf(recorded, 'training.non-finite')).toMatchObject([
      { step: 10, where: "weights of layer 'output' (output/kernel) are NaN or infinite", restoredStep: 0 },
    ])
    expect(result.nonFiniteSteps).toBe(1)
  })

  it('goes further back when the state that it went to fails again before the next one is kept, also when resumed', async () => {
    const clipping = { ...rollback, learningRateFactor: 0.9 }
    const changes = growing({ clipping, steps: 18 })
    // 9999⁵ = 1e20 is kept at step 5; from there 8999⁵ = 5.9e19 more is too much as well.
    const expected = await finished(changes)
    const told = eventsOf(expected.recorded, 'training.non-finite')
    expect(told.map(({ step, restoredStep }) => [step, restoredStep])).toEqual([
      [10, 5],
      [15, 0],
    ])
    for (const stopAt of [12, 15, 16]) {
      const resumed = await interrupted(changes, stopAt)
      expect(resumed.result.weightsSha256).toBe(expected.result.weightsSha256)
    }
  })
})
