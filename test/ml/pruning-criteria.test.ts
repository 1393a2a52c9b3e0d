import { describe, expect, it } from 'vitest'
import type { DatasetSchema } from '../../src/contracts/dataset.js'
import { LayersModel } from '../../src/contracts/model.js'
import { parse } from '../../src/contracts/parse.js'
import { decodeSafetensors, type StoredTensors } from '../../src/formats/safetensors.js'
import { specOf } from '../planning/fixtures.js'
import { finished } from './runs.js'

const [INPUTS, UNITS] = [3, 4]
const ARTIFACT = { kind: 'artifact', jobId: 'job_01979f4e-8f43-7b1c-a3a0-1f2d3c4b5a69' }
const HIDDEN = 'hidden/kernel'
const OUTPUT = 'output/kernel'

interface Row {
  readonly x: readonly number[]
  readonly t: number
}
/** y = c + Σ v f(b + x k), k [3, 4] row-major: of the mean of (y − t)² over the rows. */
interface Network {
  readonly activation: 'linear' | 'relu'
  readonly k: readonly number[]
  readonly b: readonly number[]
  readonly v: readonly number[]
  readonly c: number
}

/** No two scores of a layer are close, and each criterion keeps other weights than the others, of all rows or of one. */
const NETWORK: Network = {
  activation: 'linear',
  k: [-0.9, -0.2, -0.6, -0.6, 0.3, -0.2, -0.6, -0.7, 0.9, 0.5, 0.1, -0.4],
  b: [0.5, 0.5, 0.1, 1],
  v: [-0.1, 0.3, 0.8, -0.9],
  c: 0.1,
}
const ROWS: readonly Row[] = [
  { x: [-1, -1, 1.5], t: 1 },
  { x: [0.5, 2.5, 2], t: -1 },
  { x: [1.5, 2, 2], t: 2 },
]

/** A job of steps so small that no weight changes: what is 0 in the end was removed. */
async function pruned(network: Network, rows: readonly Row[], pruning: object, fields: object = {}) {
  const float32 = (shape: number[], values: readonly number[]) =>
    ({ type: 'float32', shape, values: Float32Array.from(values) }) as const
  const weights: StoredTensors = {
    [HIDDEN]: float32([INPUTS, UNITS], network.k),
    'hidden/bias': float32([UNITS], network.b),
    [OUTPUT]: float32([UNITS, 1], network.v),
    'output/bias': float32([1], [network.c]),
  }
  const schema: DatasetSchema = {
    ...{ exampleShape: [INPUTS], featureType: 'float32', columns: ['x', 'y', 'z'] },
    ...{ target: { kind: 'number', size: 1 }, trainRows: rows.length, testRows: 0 },
  }
  const data = {
    'train.features': float32(
      [rows.length, INPUTS],
      rows.flatMap(({ x }) => x),
    ),
    'train.labels': float32(
      [rows.length, 1],
      rows.map(({ t }) => t),
    ),
  }
  const model = parse(LayersModel, {
    ...{ kind: 'layers', inputShape: [INPUTS] },
    layers: [
      { type: 'dense', name: 'hidden', units: UNITS, activation: network.activation },
      { type: 'dense', name: 'output', units: 1 },
    ],
  })
  if (!model.ok) throw new Error(JSON.stringify(model.errors))
  const spec = specOf({
    ...{ model: ARTIFACT, loss: 'mean-squared-error', optimizer: { kind: 'sgd', learningRate: 1e-30 } },
    // The second of the two batches that are measured on is of one row.
    ...{ steps: 1, batchSize: 2, pruning: { schedule: oneShot(0), compact: false, ...pruning } },
    ...fields,
  })
  const { recorded } = await finished({
    spec,
    schema,
    data,
    start: { model: model.value, normalization: null, weights },
  })
  const { tensors } = decodeSafetensors(recorded.artifacts.get('weights.safetensors') ?? new Uint8Array())
  const valuesOf = (name: string) => Array.from(tensors[name]?.values ?? [])
  return { [HIDDEN]: valuesOf(HIDDEN), [OUTPUT]: valuesOf(OUTPUT) }
}

const oneShot = (beginStep: number) => ({ kind: 'one-shot', finalSparsity: 0.5, beginStep })

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
const norm = (values: readonly number[]) => Math.hypot(...values)
const unitOf = (place: number) => place % UNITS
const inputOf = (place: number) => Math.floor(place / UNITS)

function activations({ activation, k, b }: Network, { x }: Row): number[] {
  const sums = b.map((bias, unit) => sum([bias, ...x.map((value, input) => value * (k[input * UNITS + unit] ?? 0))]))
  return activation === 'relu' ? sums.map((value) => Math.max(0, value)) : sums
}

interface PerWeight {
  readonly k: readonly number[]
  readonly v: readonly number[]
}

/** Of the mean over the rows, for a linear network. */
function gradient(network: Network, rows: readonly Row[]): PerWeight {
  const { k, v, c } = network
  const each = rows.map((row) => {
    const a = activations(network, row)
    const slope = (2 * (sum([c, ...a.map((value, unit) => value * (v[unit] ?? 0))]) - row.t)) / rows.length
    return {
      k: k.map((_, place) => slope * (v[unitOf(place)] ?? 0) * (row.x[inputOf(place)] ?? 0)),
      v: a.map((value) => slope * value),
    }
  })
  return {
    k: k.map((_, place) => sum(each.map((one) => one.k[place] ?? 0))),
    v: v.map((_, unit) => sum(each.map((one) => one.v[unit] ?? 0))),
  }
}

/** By a rule of the weight and what else there is of it. */
const scores = (rule: (weight: number, ...others: number[]) => number, ...others: PerWeight[]): PerWeight => {
  const of = (kind: 'k' | 'v') =>
    NETWORK[kind].map((weight, place) => rule(weight, ...others.map((other) => other[kind][place] ?? Number.NaN)))
  return { k: of('k'), v: of('v') }
}

/** The weights without the lower half of the scores, layer by layer. */
function withoutHalf({ k, v }: Network, by: PerWeight) {
  const half = (values: readonly number[], own: readonly number[]) => {
    const limit = own.toSorted((one, other) => one - other)[values.length / 2] ?? Number.NaN
    return values.map((value, place) => ((own[place] ?? 0) < limit ? 0 : Math.fround(value)))
  }
  return { [HIDDEN]: half(k, by.k), [OUTPUT]: half(v, by.v) }
}

/** ‖x‖₂ of what each weight is multiplied by. */
const inputNorms: PerWeight = {
  k: NETWORK.k.map((_, place) => norm(ROWS.map(({ x }) => x[inputOf(place)] ?? 0))),
  v: NETWORK.v.map((_, unit) => norm(ROWS.map((row) => activations(NETWORK, row)[unit] ?? 0))),
}
/** ∂R/∂|w|: of a hidden weight |v| after it, of an output weight what |b| and |k| give of ones. */
const flow: PerWeight = {
  k: NETWORK.k.map((_, place) => Math.abs(NETWORK.v[unitOf(place)] ?? 0)),
  v: NETWORK.b.map((bias, unit) => bias + sum(NETWORK.k.map((w, place) => (unitOf(place) === unit ? Math.abs(w) : 0)))),
}
const whole = gradient(NETWORK, ROWS)
const byGradient = scores((_, g) => Math.abs(g ?? 0), whole)
const byTaylor = scores((w, g = 0) => Math.abs(w * g), whole)

describe('what a job removes by a score of weights', () => {
  it.each([
    ['magnitude', scores((w) => Math.abs(w))],
    // The order within a layer is that of w².
    ['lamp', scores((w) => Math.abs(w))],
    ['gradient', byGradient],
    ['taylor', byTaylor],
    ['snip', byTaylor],
    ['wanda', scores((w, size = 0) => Math.abs(w) * size, inputNorms)],
    ['synflow', scores((w, r = 0) => Math.abs(w) * r, flow)],
  ])('%s: the lower half of it, computed by hand', async (criterion, expected) => {
    expect(await pruned(NETWORK, ROWS, { criterion })).toEqual(withoutHalf(NETWORK, expected))
  })

  it('obd: of ½ h w², h the mean of the squares of the gradients of two batches', async () => {
    const found = await pruned(NETWORK, ROWS, { criterion: 'obd' })
    // Whichever row is the batch of one.
    for (const alone of ROWS) {
      const batches = [ROWS.filter((row) => row !== alone), [alone]].map((rows) => gradient(NETWORK, rows))
      expect(found).toEqual(
        withoutHalf(
          NETWORK,
          scores((w, g = 0, h = 0) => w ** 2 * (g ** 2 + h ** 2), ...batches),
        ),
      )
    }
  })

  it('movement: of −w · g, so what the steps make smaller', async () => {
    const moved = scores((w, g = 0) => -w * g, whole)
    // Each step is on all rows.
    const fields = { steps: 3, batchSize: 3 }
    expect(await pruned(NETWORK, ROWS, { criterion: 'movement', schedule: oneShot(2) }, fields)).toEqual(
      withoutHalf(NETWORK, moved),
    )
  })

  it('random: other weights by another seed or at another step, the same by the same', async () => {
    const random = (seed: number, beginStep: number) =>
      pruned(NETWORK, ROWS, { criterion: 'random', schedule: oneShot(beginStep) }, { seed, steps: 2 })
    const first = await random(1, 0)
    expect(Object.values(first).map((values) => values.filter((value) => value === 0).length)).toEqual([6, 2])
    expect(await random(1, 0)).toEqual(first)
    expect(await random(2, 0)).not.toEqual(first)
    expect(await random(1, 1)).not.toEqual(first)
  })
})

it('one calibration row is drawn by the seed', async () => {
  const byRow = ROWS.map((row) => {
    const own = gradient(NETWORK, [row])
    return withoutHalf(
      NETWORK,
      scores((_, g) => Math.abs(g ?? 0), own),
    )
  })
  const found: number[] = []
  // By these each of the three.
  for (const seed of [1, 2, 10]) {
    const kept = await pruned(NETWORK, ROWS, { criterion: 'gradient', calibration: { rows: 1 } }, { seed })
    found.push(byRow.findIndex((expected) => JSON.stringify(expected) === JSON.stringify(kept)))
  }
  expect(found.sort()).toEqual([0, 1, 2])
  expect(byRow).not.toContainEqual(withoutHalf(NETWORK, byGradient))
})

describe('what a job removes by a score of units', () => {
  // Without biases, and of rows that are one input each: what they give are the rows of the kernel, none below 0.
  const units: Network = {
    ...{ activation: 'relu', b: [0, 0, 0, 0], v: [1, 1, 1, 1], c: 0 },
    k: [-9, 5, 0.5, 0.1, -9, -1, 0.5, 0.2, -9, -1, -0.5, 0.3],
  }
  const oneHot = [0, 1, 2].map((row) => ({ x: [0, 1, 2].map((input) => (input === row ? 1 : 0)), t: 0 }))
  const without = (...removed: number[]) =>
    units.k.map((weight, place) => (removed.includes(unitOf(place)) ? 0 : Math.fround(weight)))

  it.each([
    // Mean |a|: 0, 5/3, 1/3, 0.2. The unit that is always 0 has the largest weights.
    ['activation', [0, 3]],
    // Shares of the rows where it is not 0: 0, 1/3, 2/3, 1.
    ['apoz', [0, 1]],
    // Norms: 15.6, 5.2, 0.87, 0.37.
    ['magnitude', [2, 3]],
  ])('%s: the two lowest of four', async (criterion, removed) => {
    const found = await pruned(units, oneHot, { criterion, granularity: { kind: 'neuron' } })
    expect(found).toEqual({ [HIDDEN]: without(...removed), [OUTPUT]: units.v })
  })

  it('shrinkage: units of a mean of α or more, and what takes a mean p is multiplied by α − p', async () => {
    const selection = { kind: 'shrinkage', alpha: 1 }
    const spec = { criterion: 'activation', granularity: { kind: 'neuron' }, selection }
    const found = await pruned(units, oneHot, { ...spec, schedule: { kind: 'one-shot', beginStep: 0 } })
    expect(found[HIDDEN]).toEqual(without(1))
    ;[1, 0, 2 / 3, 0.8].forEach((factor, unit) => void expect(found[OUTPUT]?.[unit]).toBeCloseTo(factor, 6))
  })
})
