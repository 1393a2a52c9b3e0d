import { describe, expect, it } from 'vitest'
import { EspalierError } from '../../src/errors.js'
import { planTrainingJob } from '../../src/planning/plan.js'
import { mnist, specOf } from './fixtures.js'

type Fields = Record<string, unknown>

const oneShot = (finalSparsity: number) => ({ schedule: { kind: 'one-shot', finalSparsity, beginStep: 10 } })
const lenet = { kind: 'preset', name: 'lenet-5' }
const unit = { granularity: { kind: 'unit' } }
const block = (rows: number, columns: number) => ({ granularity: { kind: 'block', rows, columns } })
/** Layers of 3, 20 and 10 units, the last of which stay. */
const small = {
  kind: 'layers',
  inputShape: [784],
  layers: [
    { type: 'dense', units: 3, name: 'a' },
    { type: 'dense', units: 20, name: 'b' },
    { type: 'dense', units: 10, name: 'c' },
  ],
}

function findings(pruning: Fields, model: Fields = small) {
  try {
    planTrainingJob(specOf({ steps: 100, model, pruning }), mnist)
    return []
  } catch (error) {
    if (error instanceof EspalierError) return error.errors.map(({ pointer, detail }) => `${pointer}: ${detail}`)
    throw error
  }
}

const SPARSITY = '/pruning/schedule/finalSparsity'

describe('a sparsity that cannot be reached is refused with the nearest', () => {
  it.each<[string, Fields, RegExp[]]>([
    [
      'units, of each layer',
      { ...unit, ...oneShot(0.99) },
      [/finalSparsity: of the 3 units of a at most 2 can go, the nearest is 0.6666/, /of the 20 units of b .* 0.95/],
    ],
    [
      'units, of all layers',
      { ...unit, scope: 'global', ...oneShot(0.95) },
      [/at most 21 of 23 units .* nearest is 0.913/],
    ],
    [
      'units, of bounded layers',
      { ...unit, scope: 'global', layerSparsity: { max: 0.5 }, ...oneShot(0.6) },
      [/layerSparsity.max\) leaves at most 11 of 23 units .* nearest is 0.4782/],
    ],
    [
      'units of a bounded layer',
      { ...unit, include: ['b'], layerSparsity: { max: 0.5 }, ...oneShot(0.8) },
      [/at most 10 can go, the nearest is 0.5/],
    ],
    [
      'weights of a bounded layer',
      { include: ['c'], layerSparsity: { max: 0.3 }, ...oneShot(0.9) },
      [/of the 200 weights of c\/kernel at most 60 can go, the nearest is 0.3/],
    ],
    [
      'one block',
      { include: ['c'], ...block(1024, 1024), ...oneShot(0.5) },
      [/of the 1 blocks of c\/kernel at most 0 can go/],
    ],
    [
      'all but one block',
      { include: ['c'], ...block(10, 10), ...oneShot(0.9) },
      [/of the 2 blocks of c\/kernel at most 1 can go, the nearest is 0.5/],
    ],
    [
      'the last of several milestones',
      {
        ...unit,
        schedule: {
          kind: 'multi-step',
          milestones: [
            { step: 1, sparsity: 0.5 },
            { step: 2, sparsity: 0.99 },
          ],
        },
      },
      [/milestones\/1\/sparsity: of the 3 units/, /of the 20 units/],
    ],
  ])('%s', (_, pruning, details) => {
    const found = findings(pruning)
    expect(found).toEqual(details.map((detail) => expect.stringMatching(detail)))
  })
})

describe('what would remove nothing, or more than was asked, is refused', () => {
  it.each<[string, Fields, RegExp]>([
    [
      'multiples of more units than there are',
      { ...unit, roundTo: 64, ...oneShot(0.5) },
      /roundTo: keeps all units, as multiples of 64 \(a has 3, b has 20\)/,
    ],
    [
      'such multiples in scope global',
      { ...unit, roundTo: 32, scope: 'global', ...oneShot(0.5) },
      /roundTo: keeps all units/,
    ],
    [
      'multiples in scope global that no share of the whole breaks',
      { ...unit, roundTo: 16, scope: 'global', ...oneShot(0.1) },
      /roundTo: keeps all units/,
    ],
    [
      'a ceiling below the sparsity that erk spreads over weights',
      { distribution: 'erk', layerSparsity: { max: 0.5 }, ...oneShot(0.9) },
      /leaves at most 1306 of 2612 weights .* nearest is 0.5/,
    ],
    [
      'a ceiling below the sparsity that erk spreads over units',
      { ...unit, distribution: 'erk', layerSparsity: { max: 0.5 }, ...oneShot(0.9) },
      /layerSparsity\/max: is below the sparsity of the schedule, 0.9/,
    ],
    [
      'a floor above the sparsity that er spreads over units',
      { ...unit, distribution: 'er', layerSparsity: { min: 0.9 }, ...oneShot(0.1) },
      /layerSparsity\/min: is above the sparsity of the schedule, 0.1/,
    ],
    [
      'multiples that round up to all',
      { ...unit, include: ['b'], roundTo: 16, ...oneShot(0.1) },
      /roundTo: keeps all units/,
    ],
    [
      'less than half a unit',
      { ...unit, include: ['b'], ...oneShot(0.02) },
      /finalSparsity: 0.02 of 20 units .* the least is 0.025/,
    ],
    [
      'less than half a weight of all',
      { scope: 'global', include: ['c'], ...oneShot(0.001) },
      /0.001 of 200 weights .* the least is 0.0025/,
    ],
    [
      'a floor above the sparsity',
      { include: ['c'], layerSparsity: { min: 0.95 }, ...oneShot(0.5) },
      /layerSparsity\/min: of the 200 weights of c\/kernel at least 190 would go, more than the 100/,
    ],
    [
      'floors above the sparsity of all',
      { scope: 'global', layerSparsity: { min: 0.8 }, ...oneShot(0.5) },
      /layerSparsity\/min: at least \d+ of 2612 weights would go, more than the 1306/,
    ],
  ])('%s', (_, pruning, detail) => {
    expect(findings(pruning)).toEqual([expect.stringMatching(detail)])
  })
})

describe('what can be reached is taken', () => {
  it.each<[string, Fields]>([
    ['all units but one', { ...unit, include: ['b'], ...oneShot(0.95) }],
    ['some multiples', { ...unit, roundTo: 16, ...oneShot(0.5) }],
    ['all weights', { ...oneShot(0.9999) }],
    ['one of two blocks', { include: ['c'], ...block(10, 10), ...oneShot(0.5) }],
    ['half a unit', { ...unit, include: ['b'], ...oneShot(0.025) }],
    ['a ceiling as high as the sparsity', { layerSparsity: { max: 0.5 }, include: ['c'], ...oneShot(0.5) }],
    ['a ceiling of some layers', { scope: 'global', layerSparsity: { max: 0.9 }, ...oneShot(0.8) }],
    [
      'a ceiling that rounding would break',
      { layerSparsity: { max: 0.5 }, include: ['a'], ...block(112, 3), ...oneShot(0.5) },
    ],
    ['multiples that a share of the whole breaks', { ...unit, roundTo: 16, scope: 'global', ...oneShot(0.2) }],
    ['a floor below the sparsity', { layerSparsity: { min: 0.4 }, ...oneShot(0.5) }],
    ['nothing, on purpose', { ...oneShot(0) }],
    ['what a distribution makes of it', { ...unit, distribution: 'erk', ...oneShot(0.9) }],
  ])('%s', (_, pruning) => {
    expect(findings(pruning)).toEqual([])
  })
})

describe('units that cannot be found', () => {
  it.each<[string, Fields, Fields, RegExp]>([
    [
      'outputs stay',
      { kind: 'layers', inputShape: [784], layers: [{ type: 'dense', units: 10, name: 'only' }] },
      unit,
      /only stays \(it is an output/,
    ],
    [
      'filters of dense layers',
      small,
      { granularity: { kind: 'filter' } },
      /a has no units of kind filter; b has no units of kind filter; c stays/,
    ],
    ['all are excluded', lenet, { ...unit, include: ['output'] }, /conv2d-1 is left out by include or exclude/],
  ])('%s', (_, model, fields, detail) => {
    expect(findings({ ...fields, ...oneShot(0.5) }, model)).toEqual([expect.stringMatching(detail)])
  })
})

it('points to the field', () => {
  expect(findings({ ...unit, include: ['b'], ...oneShot(0.99) })[0]).toMatch(new RegExp(`^${SPARSITY}: `))
})
