import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import type { StoredTensors } from '../../src/formats/safetensors.js'
import { rebuild } from '../../src/ml/rebuild.js'
import { openRun, type Run } from '../../src/ml/run.js'
import { moonSpec, moons, optionsFor, recorder } from './fixtures.js'

type Fields = Record<string, unknown>
type Values = Readonly<Record<string, Float32Array>>

const opened: Run[] = []
afterEach(() => {
  for (const run of opened.splice(0)) run.session.close()
})

function open(fields: Fields, data = optionsFor(recorder()).data): Run {
  const run = openRun(optionsFor(recorder(), { spec: moonSpec(fields), data }))
  opened.push(run)
  return run
}

/** Mask updates and training steps, as a job makes them. */
function advance(run: Run, from: number, to: number): void {
  for (let step = from; step < to; step++) {
    run.pruner?.before(run.session, step)
    for (const call of run.calls(step, { plateauFactor: 1, rateFactor: 1 }).calls) run.execute(call)
  }
}

const float32 = (shape: readonly number[], values: ArrayLike<number>) =>
  ({ type: 'float32', shape: [...shape], values: Float32Array.from(values) }) as const
const valuesOf = (tensors: StoredTensors): Values =>
  Object.fromEntries(Object.entries(tensors).map(([name, { values }]) => [name, Float32Array.from(values)]))
const stateOf = ({ session, mutable }: Run): Values => valuesOf(session.get(mutable))
const namesOf = (values: Values, pattern: RegExp) => Object.keys(values).filter((name) => pattern.test(name))
const masked = (values: Float32Array | undefined, mask: Float32Array | undefined) =>
  values?.map((value, place) => (mask?.[place] === 0 ? 0 : value))

const oneShot = (beginStep: number, finalSparsity = 0.5) => ({ kind: 'one-shot', finalSparsity, beginStep })
const adam = { kind: 'adam', learningRate: 0.01, ema: { decay: 0.9 } }

describe('a weight that is dropped and comes back at once', () => {
  it('begins again at 0, with its slots', () => {
    // The second column is always 0, and so is the gradient of what takes it: none of those comes back.
    const { data } = optionsFor(recorder())
    const features = data['train.features']?.values.map((value, place) => (place % 2 === 0 ? value : 0)) ?? []
    const run = open(
      {
        model: {
          ...{ kind: 'layers', inputShape: [2] },
          layers: [
            { type: 'dense', name: 'hidden', units: 4, activation: 'tanh' },
            { type: 'dense', name: 'output', units: 2, activation: 'softmax' },
          ],
        },
        ...{ optimizer: adam, normalization: 'none' },
        pruning: {
          ...{ include: ['hidden'], regrow: { by: 'gradient', fraction: 0.5, decay: 'constant' } },
          schedule: { kind: 'constant', finalSparsity: 0.5, beginStep: 0, frequency: 5 },
        },
      },
      { ...data, 'train.features': float32([features.length / 2, 2], features) },
    )
    const slots = ['m', 'v', 'ema'].map((slot) => `hidden/kernel/${slot}`)
    const mask = [1, 1, 1, 1, 0, 0, 0, 0]
    const set = (name: string, values: number[]) => run.session.set({ [name]: float32([2, 4], values) })
    set('hidden/kernel/mask', mask)
    set('hidden/kernel', [0.1, -0.9, 0.2, 0.8, 0, 0, 0, 0])
    for (const name of slots) set(name, [7, 7, 7, 7, 0, 0, 0, 0])
    run.pruner?.before(run.session, 5)
    const after = stateOf(run)
    expect([...(after['hidden/kernel/mask'] ?? [])]).toEqual(mask)
    expect(after['hidden/kernel']).toEqual(Float32Array.of(0, -0.9, 0, 0.8, 0, 0, 0, 0))
    for (const name of slots) expect(after[name], name).toEqual(Float32Array.of(0, 7, 0, 7, 0, 0, 0, 0))
  })
})

describe('rewinding to a step', () => {
  const model = {
    ...{ kind: 'layers', inputShape: [2] },
    layers: [
      { type: 'dense', units: 8 },
      { type: 'batch-normalization' },
      { type: 'activation', activation: 'relu' },
      { type: 'dense', units: 2, activation: 'softmax', name: 'output' },
    ],
  }
  const fields = { model, optimizer: adam }

  /** What a run had that prunes nothing, after so many steps. */
  function unprunedAt(step: number): Values {
    const run = open(fields)
    advance(run, 0, step)
    return stateOf(run)
  }

  function expectRewound(run: Run, toStep: number): void {
    const [first, then, now] = [unprunedAt(0), unprunedAt(toStep), stateOf(run)]
    const weights = namesOf(then, /\/(kernel|bias|gamma|beta|moving-[a-z]+)$/)
    expect(weights.length).toBe(8)
    const maskOf = (name: string) => now[`${name}/mask`]
    expect(namesOf(now, /\/mask$/).map((name) => now[name]?.filter((bit) => bit === 0).length)).toEqual([8, 8])
    for (const name of weights) expect(now[name], name).toEqual(masked(then[name], maskOf(name)))
    const averages = namesOf(then, /\/ema$/)
    expect(averages.length).toBe(6)
    for (const name of averages) {
      const param = name.slice(0, -'/ema'.length)
      expect(now[name], name).toEqual(masked(then[param], maskOf(param)))
    }
    const slots = namesOf(then, /\/[mv]$|^adam\//)
    expect(slots.length).toBe(2 * 6 + 2)
    for (const name of slots) {
      expect(now[name], name).toEqual(first[name])
      expect(then[name], name).not.toEqual(first[name])
    }
  }

  it('takes weights, statistics and averages back to what they were before it, and slots to 0', () => {
    const run = open({ ...fields, pruning: { schedule: oneShot(10), rewind: { toStep: 6 } } })
    advance(run, 0, 10)
    run.pruner?.before(run.session, 10)
    expectRewound(run, 6)
  })

  it('does so after a rollback to a step before it', () => {
    const run = open({ ...fields, pruning: { schedule: oneShot(10), rewind: { toStep: 6 } } })
    advance(run, 0, 4)
    const good = run.session.get(run.mutable)
    advance(run, 4, 12)
    run.session.set(good)
    // Step 11 was refused: the masks of step 10 are set once more, on the state before step 4, which is what step 6 begins with now.
    run.pruner?.replay(run.session, 4, 11)
    expectRewound(run, 4)
  })
})

describe('after a rollback', () => {
  const still = { optimizer: { kind: 'sgd', learningRate: 1e-30 } }
  // Before steps 2, 7 and 12: 0.3, 0.8 − 0.5 · (1 − 1/2)³ = 0.7375, 0.8.
  const schedule = {
    ...{ kind: 'polynomial', initialSparsity: 0.3, finalSparsity: 0.8 },
    ...{ beginStep: 2, endStep: 12, frequency: 5, power: 3 },
  }
  const masksOf = (run: Run) => {
    const state = stateOf(run)
    return Object.fromEntries(namesOf(state, /\/mask$/).map((name) => [name, state[name]]))
  }

  it.each([
    ['over an update', 5, 9, 189],
    ['over two updates', 0, 8, 189],
    ['to just before an update', 7, 7, 189],
    ['over none', 3, 5, 77],
  ])('%s the masks are those of a run without it', (_, from, to, removed) => {
    const pruning = { schedule }
    const whole = open({ ...still, pruning })
    advance(whole, 0, to + 1)
    const run = open({ ...still, pruning })
    advance(run, 0, from)
    const good = run.session.get(run.mutable)
    advance(run, from, to + 1)
    run.session.set(good)
    run.pruner?.replay(run.session, from, to)
    expect(masksOf(run)).toEqual(masksOf(whole))
    expect(run.pruner?.measure(run.session)).toContainEqual({ name: 'dense-2/kernel', weights: 256, removed })
  })
})

describe('a network that is made smaller', () => {
  it('goes on with the slots and averages of the units that are left', () => {
    const run = open({
      ...{ optimizer: adam, clipping: { mode: 'none' } },
      pruning: { granularity: { kind: 'neuron' }, exclude: ['output'], schedule: oneShot(12) },
    })
    advance(run, 0, 12)
    run.pruner?.before(run.session, 12)
    const before = stateOf(run)
    const made = rebuild(run, moons, 12)
    if (!made) throw new Error('nothing was removed')
    const after = valuesOf(made.state)

    const keptOf = (layer: string) => {
      const mask = before[`${layer}/bias/mask`] ?? []
      return Array.from(mask).flatMap((bit, unit) => (bit === 1 ? [unit] : []))
    }
    const all = (count: number) => Array.from({ length: count }, (_, index) => index)
    const [first, second] = [keptOf('dense-1'), keptOf('dense-2')]
    const ofMatrix = (name: string, rows: number[], columns: number[], width: number) =>
      Float32Array.from(
        rows.flatMap((row) => columns.map((column) => before[name]?.[row * width + column] ?? Number.NaN)),
      )
    const expected = Object.fromEntries(
      ['', '/m', '/v', '/ema'].flatMap((slot) => [
        [`dense-1/kernel${slot}`, ofMatrix(`dense-1/kernel${slot}`, all(2), first, 16)],
        [`dense-1/bias${slot}`, ofMatrix(`dense-1/bias${slot}`, [0], first, 16)],
        [`dense-2/kernel${slot}`, ofMatrix(`dense-2/kernel${slot}`, first, second, 16)],
        [`dense-2/bias${slot}`, ofMatrix(`dense-2/bias${slot}`, [0], second, 16)],
        [`output/kernel${slot}`, ofMatrix(`output/kernel${slot}`, second, all(2), 2)],
        [`output/bias${slot}`, before[`output/bias${slot}`]],
      ]),
    )
    const powers = namesOf(before, /^adam\//).map((name) => [name, before[name]] as const)
    expect(powers.length).toBe(2)
    expect(after).toEqual({ ...expected, ...Object.fromEntries(powers) })
    expect([first.length, second.length]).toEqual([8, 8])
    for (const name of namesOf(after, /\/(m|v|ema)$/))
      expect(
        after[name]?.some((value) => value !== 0),
        name,
      ).toBe(true)
  })
})

it('tells the hash of all masks, in the order of the weights, a byte an element', () => {
  const run = open({ pruning: { schedule: oneShot(0) } })
  const record = run.pruner?.before(run.session, 0)
  const state = stateOf(run)
  const hash = createHash('sha256')
  for (const layer of ['dense-1', 'dense-2', 'output'])
    hash.update(Uint8Array.from(state[`${layer}/kernel/mask`] ?? []))
  expect(record?.masksSha256).toBe(hash.digest('hex'))
})

it.each([
  ['all of a few', { kind: 'iterative', rounds: 3, beginStep: 5, stepsPerRound: 5 }, [5, 10, 15]],
  ['the first and the last of many', { kind: 'cosine', beginStep: 5, endStep: 20, frequency: 5 }, [5, 20]],
])('evaluates before and after mask updates: %s', (_, schedule, rounds) => {
  const run = open({ pruning: { schedule: { finalSparsity: 0.75, ...schedule } } })
  const steps = Array.from({ length: run.plan.steps }, (_, step) => step)
  expect(steps.filter((step) => run.pruner?.isRound(step))).toEqual(rounds)
})
