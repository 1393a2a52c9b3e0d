import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse } from '../../../src/contracts/parse.js'
import { PruningSpec } from '../../../src/contracts/pruning.js'
import type { StoredTensors } from '../../../src/formats/safetensors.js'
import { compact } from '../../../src/ml/pruning/compaction/compact.js'
import { decideMasks } from '../../../src/ml/pruning/decide.js'
import type { Masks } from '../../../src/ml/pruning/granularity/pieces.js'
import { scoreTargets } from '../../../src/ml/pruning/scoring.js'
import { maskedWeights, targetsOf } from '../../../src/ml/pruning/targets.js'
import { expandModel, type NamedModel } from '../../../src/planning/presets.js'
import { sizeOf } from '../../../src/planning/shape.js'
import { graphs } from './compaction/graphs.js'
import {
  difference,
  modelOf,
  type Network,
  outputsOf,
  randomWeights,
  type State,
  stored,
} from './compaction/networks.js'
import { permutationOf, permuted } from './permute.js'

const conv = (fields: object) => ({ type: 'conv2d', kernelSize: 3, padding: 'same', ...fields })
const NETWORKS: Readonly<Record<string, NamedModel>> = {
  dense: modelOf(
    [5],
    { type: 'dense', units: 16, activation: 'relu' },
    { type: 'dense', units: 12, activation: 'tanh' },
    { type: 'dense', units: 3 },
  ),
  'convolution, batch normalization and flattening': modelOf(
    [6, 6, 2],
    conv({ filters: 8 }),
    { type: 'batch-normalization' },
    { type: 'activation', activation: 'relu' },
    conv({ filters: 6, groups: 2 }),
    { type: 'batch-normalization' },
    { type: 'flatten' },
    { type: 'dense', units: 10 },
    { type: 'dense', units: 3 },
  ),
  'a coupled residual group': modelOf(
    [6, 6, 2],
    conv({ name: 'first', filters: 8 }),
    { type: 'batch-normalization', name: 'normalized' },
    conv({ name: 'inner', filters: 6, activation: 'relu' }),
    conv({ name: 'last', filters: 8 }),
    { type: 'add', name: 'sum', inputs: ['normalized', 'last'] },
    { type: 'depthwise-conv2d', name: 'depthwise', kernelSize: 3, depthMultiplier: 2 },
    { type: 'global-average-pooling', name: 'pooled' },
    { type: 'dense', name: 'output', units: 3 },
  ),
  'LSTM and GRU': modelOf(
    [5, 3],
    { type: 'lstm', units: 8, returnSequences: true },
    { type: 'gru', units: 6, returnSequences: true },
    { type: 'bidirectional', layer: { type: 'lstm', units: 4 } },
    { type: 'dense', units: 3 },
  ),
  'ResNet-8': expandModel({ kind: 'preset', name: 'resnet-8' }),
}

const choices = () => fc.record({ weights: fc.nat(1e6), permutation: fc.nat(1e6) })

describe('the order of hidden units', () => {
  it('makes no difference to what any network gives', () => {
    let moved = 0
    fc.assert(
      fc.property(graphs(), choices(), ({ model, isIds }, seeds) => {
        const state = randomWeights(model, seeds.weights)
        const permutation = permutationOf(model, seeds.permutation)
        moved += permutation.moved
        const other = { model, state: permuted(state, permutation) }
        expect(difference(outputsOf({ model, state }, isIds), outputsOf(other, isIds))).toBeLessThanOrEqual(1e-5)
      }),
      { numRuns: 150 },
    )
    expect(moved).toBeGreaterThan(150)
  })

  it.each(Object.entries(NETWORKS))('makes none to outputs and decisions of %s', (_, model) => {
    const state = randomWeights(model, 4)
    const permutation = permutationOf(model, 5)
    // Everything but the bias of the last layer, whose units are the outputs.
    const last = `${model.layers.at(-1)?.name}/bias`
    expect(permutation.weights).toEqual(Object.keys(state).filter((name) => name !== last))
    const before = outputsOf({ model, state })
    const after = outputsOf({ model, state: permuted(state, permutation) })
    expect(difference(before, after)).toBeLessThanOrEqual(1e-5)
    expect(decisions(after, model)).toEqual(decisions(before, model))
    // Where the layers do not agree on the order it does make one.
    for (const side of ['input', 'output'] as const)
      expect(difference(before, outputsOf({ model, state: permuted(state, permutation, side) }))).toBeGreaterThan(0.01)
  })
})

describe('pruning by magnitude', () => {
  const pruningSpecs = () =>
    fc
      .record({
        granularity: fc.constantFrom({ kind: 'element' }, { kind: 'unit' }, { kind: 'unit', coupled: true }),
        scope: fc.constantFrom('layer', 'global'),
      })
      .map(specOf)

  const sparsities = fc.constantFrom(0.3, 0.5, 0.8)

  it('removes the same units and weights in whatever order they stand, and so does compaction', () => {
    let removed = 0
    fc.assert(
      fc.property(graphs(), choices(), pruningSpecs(), sparsities, ({ model, isIds }, seeds, spec, sparsity) => {
        const state = randomWeights(model, seeds.weights)
        fc.pre(!hasTies(spec, model, state))
        const permutation = permutationOf(model, seeds.permutation)
        const other = permuted(state, permutation)
        const masks = masksOf(spec, sparsity, { model, state })
        const otherMasks = masksOf(spec, sparsity, { model, state: other })
        const expected = Object.entries(masks).map(([name, mask]) => [name, permutation.apply(name, mask)])
        expect(otherMasks).toEqual(Object.fromEntries(expected))
        removed += Object.values(masks).reduce((sum, mask) => sum + mask.filter((bit) => bit === 0).length, 0)

        const small = compact(model, pruned(state, masks))
        const otherSmall = compact(model, pruned(other, otherMasks))
        expect(otherSmall.report.layers.map(({ units }) => units)).toEqual(
          small.report.layers.map(({ units }) => units),
        )
        expect(difference(outputsOf(small, isIds), outputsOf(otherSmall, isIds))).toBeLessThanOrEqual(1e-5)
      }),
      { numRuns: 100 },
    )
    expect(removed).toBeGreaterThan(1000)
  })

  it.each(Object.entries(NETWORKS))('keeps the units of %s that it would keep in another order', (_, model) => {
    const [spec, sparsity] = [specOf({ granularity: { kind: 'unit' } }), 0.5]
    const state = randomWeights(model, 4)
    const permutation = permutationOf(model, 5)
    const other = permuted(state, permutation)
    const masks = masksOf(spec, sparsity, { model, state })
    const otherMasks = masksOf(spec, sparsity, { model, state: other })
    for (const [name, mask] of Object.entries(masks)) expect(otherMasks[name]).toEqual(permutation.apply(name, mask))
    // It is not the same places that stay.
    expect(otherMasks).not.toEqual(masks)
    const small = compact(model, pruned(state, masks))
    const otherSmall = compact(model, pruned(other, otherMasks))
    const unitsOf = ({ report }: typeof small) => report.layers.map(({ units }) => units.after)
    expect(unitsOf(otherSmall)).toEqual(unitsOf(small))
    expect(small.report.parameters.after).toBeLessThan(small.report.parameters.before)
    expect(difference(outputsOf(small), outputsOf(otherSmall))).toBeLessThanOrEqual(1e-5)
  })
})

function specOf(fields: object): PruningSpec {
  const parsed = parse(PruningSpec, { ...fields, schedule: { kind: 'one-shot', finalSparsity: 0.5, beginStep: 0 } })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  return parsed.value
}

const moment = { seed: 1, step: 0, progress: 1, begin: 0, end: 0 }

function collectedOf(state: StoredTensors) {
  const values = Object.fromEntries(
    Object.entries(state).map(([name, tensor]) => [name, Float32Array.from(tensor.values)]),
  )
  return { values, gradients: null, movement: null, flow: null, inputs: null }
}

function hasTies(spec: PruningSpec, model: NamedModel, state: StoredTensors): boolean {
  const scored = scoreTargets(spec, targetsOf(spec, model), collectedOf(state), moment)
  const all = scored.flatMap(({ scores }) => [...scores])
  return new Set(all).size < all.length
}

/** What a job with these weights removes at once. */
function masksOf(spec: PruningSpec, sparsity: number, { model, state }: Network): Masks {
  const targets = targetsOf(spec, model)
  const previous = Object.fromEntries(
    maskedWeights(targets).map((name) => [name, new Uint8Array(sizeOf(targets[0]?.shapes[name] ?? [])).fill(1)]),
  )
  return decideMasks({ spec, targets, previous, collected: collectedOf(state) }, { ...moment, sparsity }).masks
}

function pruned(state: StoredTensors, masks: Masks): State {
  return Object.fromEntries(
    Object.entries(state).map(([name, { shape, values }]) => [
      name,
      stored(
        shape,
        Array.from(values, (value, index) => (masks[name]?.[index] === 0 ? 0 : value)),
      ),
    ]),
  )
}

/** The class of each example: where its largest output stands. */
function decisions(outputs: Float32Array, model: NamedModel): number[] {
  const last = model.layers.at(-1)
  const classes = last?.type === 'dense' ? last.units : 1
  return Array.from({ length: outputs.length / classes }, (_, row) => {
    const own = outputs.subarray(row * classes, (row + 1) * classes)
    return own.indexOf(Math.max(...own))
  })
}
