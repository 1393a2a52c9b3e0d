import { describe, expect, it } from 'vitest'
import { LayersModel } from '../../../src/contracts/model.js'
import { parse } from '../../../src/contracts/parse.js'
import { PruningSpec } from '../../../src/contracts/pruning.js'
import { decideMasks, type Moment } from '../../../src/ml/pruning/decide.js'
import type { Collected } from '../../../src/ml/pruning/scoring.js'
import { maskedWeights, targetsOf } from '../../../src/ml/pruning/targets.js'
import { expandModel } from '../../../src/planning/presets.js'

type Fields = Record<string, unknown>

const MOMENT: Moment = { seed: 1, step: 0, sparsity: 0.5, progress: 1, begin: 0, end: 0 }
const bits = (text: string) => Uint8Array.from(text, Number)

/** What a spec decides of these layers, of masks of ones unless they are given. */
function decided(
  { inputShape, layers }: { inputShape: number[]; layers: Fields[] },
  fields: Fields,
  collected: Partial<Collected>,
  changes: Partial<Moment> & { previous?: Record<string, string> } = {},
) {
  const schedule = { kind: 'one-shot', finalSparsity: 0.5, beginStep: 0 }
  const spec = parse(PruningSpec, { schedule, ...fields })
  const model = parse(LayersModel, { kind: 'layers', inputShape, layers })
  if (!spec.ok || !model.ok) throw new Error(JSON.stringify([spec, model]))
  const targets = targetsOf(spec.value, expandModel(model.value))
  const { previous, ...moment } = changes
  const sizeOf = (name: string) => collected.values?.[name]?.length ?? 0
  return decideMasks(
    {
      ...{ spec: spec.value, targets },
      previous: Object.fromEntries(
        maskedWeights(targets).map((name) => [name, bits(previous?.[name] ?? '1'.repeat(sizeOf(name)))]),
      ),
      collected: { values: {}, gradients: null, movement: null, flow: null, inputs: null, ...collected },
    },
    { ...MOMENT, ...moment },
  )
}

/** Kernels of 8 and of 4 weights. */
const NETWORK = {
  inputShape: [4],
  layers: [
    { type: 'dense', name: 'a', units: 2 },
    { type: 'dense', name: 'b', units: 2 },
  ],
}
const ORDERED = {
  'a/kernel': Float32Array.of(1, -2, 3, -4, 5, -6, 7, -8),
  'b/kernel': Float32Array.of(10, -20, 30, -40),
}
const ofBoth = (a: string, b: string) => ({ 'a/kernel': bits(a), 'b/kernel': bits(b) })

describe('a mask update by magnitude', () => {
  it.each<[string, Fields, Partial<Moment>, string, string]>([
    ['a half of each layer', {}, {}, '00001111', '0011'],
    ['the lowest of all layers in scope global', { scope: 'global' }, {}, '00000011', '1111'],
    ['no more of a layer than its max', { layerSparsity: { max: 0.5 } }, { sparsity: 0.75 }, '00001111', '0011'],
    [
      'what the max of a layer leaves of others, in scope global',
      { scope: 'global', layerSparsity: { max: 0.5 } },
      {},
      '00001111',
      '0011',
    ],
    [
      'no less of a layer than its min, in scope global',
      { scope: 'global', layerSparsity: { min: 0.5 } },
      {},
      '00001111',
      '0011',
    ],
    [
      'as much of the min as of the schedule is done',
      { scope: 'global', layerSparsity: { min: 0.5 } },
      { progress: 0.5 },
      '00000111',
      '0111',
    ],
    // Of 4 kept weights 6 are, of 2 of them 3.
    ['less, so that a multiple is kept', { roundTo: 3 }, {}, '00111111', '0111'],
    ['what is below a threshold', { selection: { kind: 'threshold', alpha: 5 } }, {}, '00001111', '1111'],
    [
      'less than is below it, within the bounds and to a multiple',
      { selection: { kind: 'threshold', alpha: 25 }, layerSparsity: { max: 0.75 }, roundTo: 3 },
      {},
      '00000111',
      '0111',
    ],
  ])('removes %s', (_, fields, moment, a, b) => {
    expect(decided(NETWORK, fields, { values: ORDERED }, moment).masks).toEqual(ofBoth(a, b))
  })

  it.each(['er', 'erk'])('removes more of the larger layer by %s', (distribution) => {
    const network = {
      inputShape: [4],
      layers: [
        { type: 'dense', name: 'a', units: 4 },
        { type: 'dense', name: 'b', units: 2 },
      ],
    }
    const values = { 'a/kernel': new Float32Array(16).fill(1), 'b/kernel': new Float32Array(8).fill(1) }
    const { updates } = decided(network, { distribution }, { values })
    // 12 are kept: ε · (8 + 6), so that the densities are ε · 8 / 16 = 3/7 and ε · 6 / 8 = 9/14.
    expect(updates.map(({ removed }) => removed)).toEqual([9, 3])
  })

  it.each([
    // 7 of 12: the divisors of a are 144, 18, 29, 57.5, those of b 42, 10.5, 12, 21.1.
    ['none', 4],
    ['sum', 0],
    ['mean', 3],
    ['max', 2],
    ['l2', 1],
  ] as const)('compares layers in scope global by scores divided by: %s', (normalization, ofB) => {
    const values = {
      'a/kernel': Float32Array.of(11, 27, 24, 26, 4, 5, 18, 29),
      'b/kernel': Float32Array.of(10, 11, 9, 12),
    }
    const { updates } = decided(NETWORK, { scope: 'global', normalization }, { values }, { sparsity: 7 / 12 })
    expect(updates.map(({ removed }) => removed)).toEqual([7 - ofB, ofB])
  })
})

describe('an exchange by gradient', () => {
  const a = 'a/kernel'
  const exchanged = (decay: string, step: number) =>
    decided(
      NETWORK,
      { include: ['a'], regrow: { by: 'gradient', fraction: 0.5, decay } },
      {
        values: { [a]: Float32Array.of(4, -3, 2, -1, 0, 0, 0, 0) },
        gradients: {
          [a]: { gradient: Float32Array.of(0, 0, 0, 0, 0.5, -3, 0.2, 2), squaredGradient: new Float32Array(8) },
        },
      },
      { previous: { [a]: '11110000' }, step, begin: 0, end: 10 },
    )

  it('drops the lowest weights and grows those of the largest |g|, to begin at 0', () => {
    const { masks, grown } = exchanged('constant', 5)
    expect(masks).toEqual({ [a]: bits('11000101') })
    expect(grown).toEqual({ [a]: bits('00000101') })
  })

  it('exchanges less with time by a cosine', () => {
    // Of 4 weights 0.5 · ½ (1 + cos(π / 2)), so one; none at the end.
    expect(exchanged('cosine', 5).masks).toEqual({ [a]: bits('11100100') })
    expect(exchanged('cosine', 10).masks).toEqual({ [a]: bits('11110000') })
  })
})

describe('wanda', () => {
  const inputs = (layer: string, ...squares: number[]): Partial<Collected> => {
    const nothing = new Float64Array(squares.length)
    return {
      inputs: { [layer]: { count: 1, absolute: nothing, squares: Float64Array.from(squares), active: nothing } },
    }
  }

  it('takes the inputs of a transposed convolution from the last axis', () => {
    const layers = [{ type: 'conv2d-transpose', name: 'up', filters: 2, kernelSize: 1 }]
    // [1, 1, outputs, inputs], times 3, 2, 1: 3, 2.8, 2, 3.3, 3.2, 2.2.
    const values = { 'up/kernel': Float32Array.of(1, 1.4, 2, 1.1, 1.6, 2.2) }
    const { masks } = decided(
      { inputShape: [2, 2, 3], layers },
      { criterion: 'wanda' },
      { values, ...inputs('up', 9, 4, 1) },
    )
    expect(masks).toEqual({ 'up/kernel': bits('100110') })
  })

  it('takes the own channels of each group of a convolution', () => {
    const layers = [{ type: 'conv2d', name: 'conv', filters: 2, kernelSize: 1, groups: 2 }]
    // [1, 1, 2, outputs]: the first output takes channels 0 and 1, the second 2 and 3. Times 1, 3, 2, 4: 2.5, 3, 4, 4.
    const values = { 'conv/kernel': Float32Array.of(2.5, 1, 2, 1) }
    const { masks } = decided(
      { inputShape: [2, 2, 4], layers },
      { criterion: 'wanda' },
      { values, ...inputs('conv', 1, 4, 9, 16) },
    )
    expect(masks).toEqual({ 'conv/kernel': bits('0011') })
  })
})

describe('shrinkage of units', () => {
  it('multiplies what takes a mean output p by α − p, and removes units of α or more', () => {
    const nothing = new Float64Array(2)
    const { masks, values } = decided(
      NETWORK,
      { criterion: 'activation', granularity: { kind: 'neuron' }, selection: { kind: 'shrinkage', alpha: 2 } },
      {
        values: { ...ORDERED, 'a/bias': new Float32Array(2) },
        // Of 4 rows: means of 0.5 and 2.
        inputs: { b: { count: 4, absolute: Float64Array.of(2, 8), squares: nothing, active: nothing } },
      },
    )
    expect(masks).toEqual({ 'a/kernel': bits('10101010'), 'a/bias': bits('10') })
    expect(values).toEqual({ 'b/kernel': Float32Array.of(15, -30, 0, -0) })
  })
})
