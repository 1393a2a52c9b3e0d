import { describe, expect, it } from 'vitest'
import { CRITERIA, CRITERION_NAMES } from '../../src/contracts/pruning-criterion.js'
import { decodeSafetensors } from '../../src/formats/safetensors.js'
import { train } from '../../src/ml/train.js'
import type { TrainOptions } from '../../src/ml/training.js'
import { moonSpec, optionsFor, type Recorded, recorder } from './fixtures.js'

type Fields = Record<string, unknown>

async function run(fields: Fields, changes: Partial<TrainOptions> = {}, recorded: Recorded = recorder()) {
  const outcome = await train(optionsFor(recorded, { spec: moonSpec({ epochs: 6, ...fields }), ...changes }))
  return { outcome, recorded }
}

async function finished(fields: Fields) {
  const { outcome, recorded } = await run(fields)
  if (outcome.kind !== 'succeeded') throw new Error(`stopped at ${outcome.step}`)
  const { tensors } = decodeSafetensors(recorded.artifacts.get('weights.safetensors') ?? new Uint8Array())
  const valuesOf = (name: string) => tensors[name]?.values ?? new Float32Array()
  return { result: outcome.result, recorded, valuesOf }
}

const zeros = (values: ArrayLike<number>) => Array.from(values).filter((value) => value === 0).length
const updates = (recorded: Recorded) => recorded.events.filter(({ type }) => type === 'pruning.updated')
const oneShot = (finalSparsity: number, beginStep = 10) => ({ kind: 'one-shot', finalSparsity, beginStep })
const withNormalization = {
  kind: 'layers',
  inputShape: [2],
  layers: [
    { type: 'dense', units: 16 },
    { type: 'batch-normalization' },
    { type: 'activation', activation: 'relu' },
    { type: 'dense', units: 2, activation: 'softmax', name: 'output' },
  ],
}

describe('criteria', () => {
  const scoring = (scores: 'elements' | 'units') => CRITERION_NAMES.filter((name) => CRITERIA[name].scores === scores)

  it.each(scoring('elements'))(
    '%s removes exactly half of each layer, and the network still learns',
    async (criterion) => {
      const { result, recorded, valuesOf } = await finished({ pruning: { criterion, schedule: oneShot(0.5) } })
      expect(result.perLayerSparsity.map(({ layer, removed }) => [layer, removed])).toEqual([
        ['dense-1', 16],
        ['dense-2', 128],
        ['output', 16],
      ])
      expect(zeros(valuesOf('dense-2/kernel'))).toBe(128)
      expect(updates(recorded)).toMatchObject([{ data: { step: 10, sparsity: 0.5, removed: 160, total: 320 } }])
      expect(result.train.accuracy).toBeGreaterThan(0.6)
    },
  )

  it.each(scoring('units'))('%s removes whole neurons with their biases', async (criterion) => {
    const pruning = { criterion, granularity: { kind: 'neuron' }, compact: false, schedule: oneShot(0.25) }
    const { valuesOf, recorded } = await finished({ model: withNormalization, pruning })
    const bias = valuesOf('dense-1/bias')
    const gone = [...bias.keys()].filter((unit) => bias[unit] === 0)
    expect(gone.length).toBe(4)
    for (const unit of gone) {
      expect([0, 1].map((input) => valuesOf('dense-1/kernel')[16 * input + unit])).toEqual([0, 0])
      expect(valuesOf('batch-normalization-1/gamma')[unit]).toBe(0)
    }
    expect(updates(recorded)).toMatchObject([{ data: { updates: [{ name: 'dense-1', pieces: 16, removed: 4 }] } }])
  })
})

describe('what is removed', () => {
  it('stays 0 through fine-tuning, with its slots, and the sparsity grows as scheduled', async () => {
    const schedule = { kind: 'cosine', finalSparsity: 0.75, beginStep: 5, endStep: 20, frequency: 5 }
    const { recorded, result, valuesOf } = await finished({ pruning: { schedule } })
    expect(updates(recorded).map(({ data }) => data.step)).toEqual([5, 10, 15, 20])
    expect(result.sparsity).toBe(0.75)
    expect(zeros(valuesOf('dense-2/kernel'))).toBe(192)
    const { tensors } = decodeSafetensors([...recorded.checkpoints.values()].at(-1) ?? new Uint8Array())
    const mask = tensors['dense-2/kernel/mask']?.values ?? []
    const momentum = tensors['dense-2/kernel/momentum']?.values ?? []
    expect(zeros(mask)).toBe(192)
    Array.from(mask).forEach((bit, i) => {
      if (bit === 0) expect(momentum[i]).toBe(0)
    })
  })

  it('is blocks, or n of m', async () => {
    const block = { kind: 'block', rows: 4, columns: 4 }
    const blocks = await finished({ pruning: { granularity: block, include: ['dense-2'], schedule: oneShot(0.5) } })
    const kernel = blocks.valuesOf('dense-2/kernel')
    for (let row = 0; row < 16; row += 4)
      for (let column = 0; column < 16; column += 4) {
        const own = Array.from({ length: 16 }, (_, i) => kernel[(row + (i >> 2)) * 16 + column + (i & 3)] ?? 0)
        expect([0, 16]).toContain(zeros(own))
      }
    const pruning = { granularity: { kind: 'n-of-m', keep: 2, of: 4 }, exclude: ['dense-1'] }
    const groups = await finished({ pruning: { ...pruning, schedule: { kind: 'one-shot', beginStep: 10 } } })
    const dense = groups.valuesOf('dense-2/kernel')
    for (let row = 0; row < 16; row += 4)
      for (let column = 0; column < 16; column++)
        expect(zeros([0, 1, 2, 3].map((i) => dense[(row + i) * 16 + column] ?? 0))).toBe(2)
    expect(groups.result.sparsity).toBe(0.5)
  })

  it('is all below a threshold', async () => {
    const selection = { kind: 'threshold', alpha: 0.1 }
    const schedule = { kind: 'constant', beginStep: 5, frequency: 5 }
    const { result, recorded } = await finished({ pruning: { selection, schedule } })
    const counts = updates(recorded).map(({ data }) => data.removed as number)
    expect(counts.length).toBe(5)
    expect(counts).toEqual(counts.toSorted((a, b) => a - b))
    expect(result.sparsity).toBeGreaterThan(0.1)
    for (const { data } of updates(recorded))
      for (const { threshold } of data.updates as { threshold: number | null }[])
        expect(threshold ?? 0).toBeLessThan(0.1)
  })

  it('by shrinkage keeps the small and removes the large, as printed', async () => {
    const selection = { kind: 'shrinkage', alpha: 0.2 }
    const { recorded } = await finished({ pruning: { selection, schedule: { kind: 'one-shot', beginStep: 29 } } })
    const [before] = recorded.checkpoints.values()
    expect(before).toBeDefined()
    const removed = Number(updates(recorded)[0]?.data.removed)
    const trained = await finished({})
    const large = ['dense-1', 'dense-2', 'output'].reduce(
      (count, layer) =>
        count + Array.from(trained.valuesOf(`${layer}/kernel`)).filter((w) => Math.abs(w) >= 0.2).length,
      0,
    )
    // The last update moves few weights over the border.
    expect(Math.abs(removed - large)).toBeLessThanOrEqual(5)
  })
})

describe('exchange of weights', () => {
  it.each(['gradient', 'random'])('keeps the sparsity and moves the masks, by %s', async (by) => {
    const pruning = {
      ...{ scope: 'layer', distribution: 'erk', regrow: { by, fraction: 0.3 } },
      schedule: { kind: 'constant', finalSparsity: 0.6, beginStep: 0, endStep: 20, frequency: 5 },
    }
    const { recorded, result } = await finished({ pruning })
    const found = updates(recorded).map(({ data }) => data)
    expect(found.map(({ step }) => step)).toEqual([0, 5, 10, 15, 20])
    const [first] = found
    for (const { removed } of found) expect(removed).toBe(first?.removed)
    expect(new Set(found.map(({ masksSha256 }) => masksSha256)).size).toBe(4) // nothing is exchanged at the end
    expect(result.sparsity).toBeCloseTo(0.6, 2)
  })
})

describe('rewinding', () => {
  it('goes back to the step that is named, in the course of a training', async () => {
    // Nothing is trained after the update at the last step but one step at next to no rate.
    const schedule = { kind: 'one-shot', finalSparsity: 0.5, beginStep: 29 }
    for (const toStep of [6, 9]) {
      const optimizer = {
        kind: 'sgd',
        learningRate: 0.1,
        schedule: { kind: 'piecewise', pieces: [{ beginStep: 29, fraction: 1e-9 }] },
      }
      const { valuesOf } = await finished({
        optimizer,
        steps: 30,
        epochs: undefined,
        pruning: { schedule, rewind: { toStep } },
      })
      const then = (await run({ steps: toStep, epochs: undefined, optimizer: { kind: 'sgd', learningRate: 0.1 } }))
        .recorded
      const { tensors } = decodeSafetensors(then.artifacts.get('weights.safetensors') ?? new Uint8Array())
      const kept = [...valuesOf('dense-2/kernel')].flatMap((weight, i) =>
        weight === 0 ? [] : [Math.abs(weight - (tensors['dense-2/kernel']?.values[i] ?? Number.NaN))],
      )
      expect(kept.length).toBe(128)
      expect(Math.max(...kept)).toBeLessThan(1e-6)
    }
  })

  it('takes what is left back to what it was', async () => {
    const schedule = { kind: 'iterative', finalSparsity: 0.5, rounds: 1, beginStep: 29, stepsPerRound: 1 }
    const start = await run({ steps: 1, epochs: undefined, optimizer: { kind: 'sgd', learningRate: 1e-12 } })
    const { tensors: initial } = decodeSafetensors(
      start.recorded.artifacts.get('weights.safetensors') ?? new Uint8Array(),
    )
    const optimizer = {
      kind: 'adam',
      learningRate: 0.01,
      schedule: { kind: 'piecewise', pieces: [{ beginStep: 29, fraction: 1e-9 }] },
    }
    const { valuesOf } = await finished({ optimizer, pruning: { schedule, rewind: { toStep: 0 } } })
    const first = initial['dense-2/kernel']?.values ?? []
    let kept = 0
    valuesOf('dense-2/kernel').forEach((weight, i) => {
      if (weight === 0) return
      kept++
      expect(weight).toBeCloseTo(first[i] ?? Number.NaN, 5)
    })
    expect(kept).toBe(128)
  })
})

describe('a run that was interrupted', () => {
  it.each<[string, Fields]>([
    [
      'movement',
      {
        criterion: 'movement',
        schedule: { kind: 'polynomial', finalSparsity: 0.8, beginStep: 4, endStep: 20, frequency: 4 },
      },
    ],
    [
      'taylor, neurons',
      {
        criterion: 'taylor',
        granularity: { kind: 'neuron' },
        compact: false,
        schedule: { kind: 'iterative', finalSparsity: 0.5, rounds: 3, beginStep: 4, stepsPerRound: 7 },
      },
    ],
    [
      'regrow',
      { regrow: { by: 'gradient' }, schedule: { kind: 'constant', finalSparsity: 0.6, beginStep: 0, frequency: 3 } },
    ],
    [
      'rewind',
      {
        rewind: { toStep: 6 },
        schedule: { kind: 'iterative', finalSparsity: 0.5, rounds: 3, beginStep: 8, stepsPerRound: 6 },
      },
    ],
  ])('ends with the same weights: %s', async (_, pruning) => {
    const whole = await finished({ pruning })
    const stopped = recorder()
    let looks = 0
    const signal = {
      get aborted() {
        return ++looks > 11
      },
      reason: 'shutdown',
    } as AbortSignal // these two members are all that the loop reads
    const { outcome } = await run({ pruning }, { signal }, stopped)
    if (outcome.kind !== 'stopped') throw new Error('it was not stopped')
    const resume = { step: outcome.step, checkpoint: stopped.checkpoints.get(outcome.step) ?? new Uint8Array() }
    const resumed = await run({ pruning }, { resume })
    expect(resumed.outcome).toMatchObject({ kind: 'succeeded', result: { weightsSha256: whole.result.weightsSha256 } })
  })
})
