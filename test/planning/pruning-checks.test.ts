import { describe, expect, it } from 'vitest'
import { EspalierError } from '../../src/errors.js'
import { planTrainingJob } from '../../src/planning/plan.js'
import { mnist, specOf } from './fixtures.js'

type Fields = Record<string, unknown>

const oneShot = (finalSparsity: number) => ({ kind: 'one-shot', finalSparsity, beginStep: 10 })
const lenet = { kind: 'preset', name: 'lenet-5' }
const resnet = { kind: 'preset', name: 'resnet-8' }

function findings(fields: Fields) {
  try {
    planTrainingJob(specOf({ steps: 100, ...fields }), mnist)
    return []
  } catch (error) {
    if (error instanceof EspalierError) return error.errors
    throw error
  }
}

const constant = (finalSparsity: number) => ({ kind: 'constant', finalSparsity, beginStep: 10 })
const unit = { granularity: { kind: 'unit' } }
const groups = { granularity: { kind: 'n-of-m', keep: 2, of: 4 }, schedule: { kind: 'one-shot', beginStep: 1 } }
const below = (alpha: number) => ({
  selection: { kind: 'threshold', alpha },
  schedule: { kind: 'one-shot', beginStep: 1 },
})
const shrinkage = { selection: { kind: 'shrinkage', alpha: 1 }, schedule: { kind: 'one-shot', beginStep: 1 } }

describe('a pruning spec is refused', () => {
  it.each<[string, Fields, string, RegExp]>([
    [
      'a criterion of units for single weights',
      { criterion: 'apoz', schedule: oneShot(0.5) },
      '/pruning/criterion',
      /scores whole units/,
    ],
    [
      'n of m on an axis that does not divide',
      { granularity: { kind: 'n-of-m', keep: 2, of: 3 }, schedule: { kind: 'one-shot', beginStep: 1 } },
      '/pruning/granularity/of',
      /784 inputs .* no multiple of 3/,
    ],
    [
      'n of m that keeps all',
      { granularity: { kind: 'n-of-m', keep: 4, of: 4 }, schedule: { kind: 'one-shot', beginStep: 1 } },
      '/pruning/granularity/keep',
      /nothing would be removed/,
    ],
    [
      'two answers to how much',
      { granularity: { kind: 'n-of-m', keep: 2, of: 4 }, schedule: oneShot(0.5) },
      '/pruning/schedule/finalSparsity',
      /leave it out/,
    ],
    [
      'no answer to how much',
      { schedule: { kind: 'one-shot', beginStep: 1 } },
      '/pruning/schedule/finalSparsity',
      /required/,
    ],
    [
      'a threshold that a gradual schedule would have to follow',
      {
        selection: { kind: 'threshold', alpha: 0.1 },
        schedule: { kind: 'cosine', finalSparsity: 0.5, beginStep: 1, endStep: 9 },
      },
      '/pruning/schedule/kind',
      /one-shot or constant/,
    ],
    [
      'shrinkage by another criterion',
      { criterion: 'taylor', selection: { kind: 'shrinkage', alpha: 1 }, schedule: { kind: 'one-shot', beginStep: 1 } },
      '/pruning/criterion',
      /goes by magnitude/,
    ],
    [
      'regrowing whole units',
      { ...unit, regrow: { by: 'random' }, schedule: { kind: 'constant', finalSparsity: 0.5, beginStep: 0 } },
      '/pruning/regrow',
      /exchanges single weights/,
    ],
    [
      'regrowing on a schedule that grows',
      { regrow: { by: 'random' }, schedule: oneShot(0.5) },
      '/pruning/regrow',
      /schedule constant/,
    ],
    [
      'rewinding to what comes after',
      { rewind: { toStep: 11 }, schedule: oneShot(0.5) },
      '/pruning/rewind/toStep',
      /not lie after the first/,
    ],
    [
      'movement before the first step',
      { criterion: 'movement', schedule: { kind: 'one-shot', finalSparsity: 0.5, beginStep: 0 } },
      '/pruning/schedule',
      /after step 0/,
    ],
    [
      'milestones out of order',
      {
        schedule: {
          kind: 'multi-step',
          milestones: [
            { step: 5, sparsity: 0.5 },
            { step: 4, sparsity: 0.6 },
          ],
        },
      },
      '/pruning/schedule/milestones/1/step',
      /later than that before, 5/,
    ],
    [
      'milestones that fall',
      {
        schedule: {
          kind: 'multi-step',
          milestones: [
            { step: 5, sparsity: 0.5 },
            { step: 6, sparsity: 0.4 },
          ],
        },
      },
      '/pruning/schedule/milestones/1/sparsity',
      /never come back/,
    ],
    [
      'rounds beyond the last step',
      { schedule: { kind: 'iterative', finalSparsity: 0.5, rounds: 5, beginStep: 20, stepsPerRound: 20 } },
      '/pruning/schedule/rounds',
      /last round begins at step 100/,
    ],
    [
      'an end beyond the last step',
      { schedule: { kind: 'constant', finalSparsity: 0.5, beginStep: 1, endStep: 100 } },
      '/pruning/schedule/endStep',
      /never be reached/,
    ],
    [
      'a distribution that ranking would overrule',
      { scope: 'global', distribution: 'erk', schedule: oneShot(0.5) },
      '/pruning/distribution',
      /by rank/,
    ],
    [
      'a normalization of what is not compared',
      { normalization: 'max', schedule: oneShot(0.5) },
      '/pruning/normalization',
      /only compared in scope global/,
    ],
    [
      'bounds that contradict each other',
      { layerSparsity: { min: 0.9, max: 0.1 }, schedule: oneShot(0.5) },
      '/pruning/layerSparsity/min',
      /above max/,
    ],
    ['rounding single weights', { roundTo: 8, schedule: oneShot(0.5) }, '/pruning/roundTo', /numbers of units/],
    [
      'rewinding what comes back',
      { regrow: { by: 'random' }, rewind: { toStep: 1 }, schedule: constant(0.5) },
      '/pruning/rewind',
      /no earlier value/,
    ],
    [
      'a distribution of a threshold',
      { distribution: 'erk', ...below(0.1) },
      '/pruning/distribution',
      /selection threshold says what/,
    ],
    ['a distribution of groups', { distribution: 'er', ...groups }, '/pruning/distribution', /n-of-m says what/],
    ['bounds of groups', { layerSparsity: { max: 0.5 }, ...groups }, '/pruning/layerSparsity', /leave it out/],
    ['bounds of a shrinkage', { layerSparsity: { min: 0.5 }, ...shrinkage }, '/pruning/layerSparsity', /leave it out/],
    ['a scope of a shrinkage', { scope: 'global', ...shrinkage }, '/pruning/scope', /ranks nothing/],
    [
      'rounding a shrinkage of units',
      { roundTo: 2, ...shrinkage, criterion: 'activation', ...unit },
      '/pruning/roundTo',
      /selection shrinkage says what/,
    ],
    [
      'pooling where units are scored',
      { criterion: 'apoz', granularity: { kind: 'unit', pooling: 'max' }, schedule: oneShot(0.5) },
      '/pruning/granularity/pooling',
      /apoz scores whole units/,
    ],
    [
      'coupled weights where units are scored',
      { criterion: 'fpgm', granularity: { kind: 'unit', coupled: true }, schedule: oneShot(0.5) },
      '/pruning/granularity/coupled',
      /fpgm scores whole units/,
    ],
    [
      'squares of scores with a sign',
      { criterion: 'movement', ...unit, schedule: oneShot(0.5) },
      '/pruning/granularity/pooling',
      /loses the sign .* take sum/,
    ],
    [
      'rows that nothing is measured on',
      { calibration: { rows: 100 }, schedule: oneShot(0.5) },
      '/pruning/calibration/rows',
      /magnitude measures nothing/,
    ],
  ])('%s', (_, pruning, pointer, detail) => {
    const found = findings({ pruning })
    expect(found.map((error) => error.pointer)).toContain(pointer)
    expect(found.find((error) => error.pointer === pointer)?.detail).toMatch(detail)
  })

  it('scales of normalizations that are not there', () => {
    const pruning = { criterion: 'batch-norm-scale', granularity: { kind: 'filter' }, schedule: oneShot(0.5) }
    expect(findings({ model: lenet, pruning })).toMatchObject([
      { pointer: '/pruning/criterion', detail: expect.stringMatching(/after conv2d-1, conv2d-2/) },
    ])
    expect(findings({ model: resnet, pruning })).toEqual([])
  })

  it('wanda on kernels whose inputs are not known', () => {
    const model = {
      kind: 'layers',
      inputShape: [28, 28],
      layers: [
        { type: 'lstm', units: 8, name: 'memory' },
        { type: 'dense', units: 10 },
      ],
    }
    const pruning = { criterion: 'wanda', schedule: oneShot(0.5) }
    expect(findings({ model, pruning })).toMatchObject([
      { pointer: '/pruning/criterion', detail: expect.stringMatching(/memory\/recurrent-kernel/) },
    ])
    expect(findings({ model, pruning: { ...pruning, exclude: ['*/recurrent-kernel'] } })).toEqual([])
  })
})

describe('a plan', () => {
  it('fills in what depends on criterion, scope and granularity', () => {
    const filled = (pruning: Fields) => planTrainingJob(specOf({ steps: 100, pruning }), mnist).spec.pruning
    expect(filled({ schedule: oneShot(0.5) })).toMatchObject({ compact: false })
    expect(filled({ schedule: oneShot(0.5) })).not.toHaveProperty('normalization')
    const wanda = filled({ criterion: 'wanda', scope: 'global', schedule: oneShot(0.5) })
    expect(wanda).toMatchObject({ normalization: 'mean' })
    expect(filled({ granularity: { kind: 'neuron' }, schedule: oneShot(0.5) })).toMatchObject({ compact: true })
  })

  it('names the layers that lose units', () => {
    const pruning = { granularity: { kind: 'filter' }, schedule: oneShot(0.5) }
    const { layers } = planTrainingJob(specOf({ steps: 100, model: lenet, pruning }), mnist)
    expect(layers.filter(({ prunable }) => prunable).map(({ name }) => name)).toEqual(['conv2d-1', 'conv2d-2'])
  })
})
