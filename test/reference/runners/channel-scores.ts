import { scoreWeights } from '../../../src/ml/pruning/criteria/elements.js'
import { UNIT_CRITERIA } from '../../../src/ml/pruning/criteria/units.js'
import { unitEvidence } from '../../../src/ml/pruning/evidence.js'
import { unitPieces } from '../../../src/ml/pruning/granularity/units.js'
import type { Shape } from '../../../src/planning/shape.js'
import type { UnitGroup, WeightPart } from '../../../src/planning/units/groups.js'
import { expectClose, toleranceOf } from '../compare.js'
import { asList, asRecord, asTensor, asText, type Json, type ReferenceCase } from '../json.js'
import { type Outcome, passedWith } from '../outcome.js'

interface Member {
  readonly layer: string
  readonly role: 'out' | 'in' | 'bn'
}

/**
 * Torch-Pruning's scores of a group of channels, which it divides by the number of its members; Espalier pools sums, which rank alike,
 * and counts no γ of a normalization among the magnitudes: here that is added.
 */
export function channelScores({ input, params, expected, tolerance }: ReferenceCase): Outcome {
  const weights = asRecord(input.weights)
  const members = asList(params.group_members).map((entry): Member => {
    const { layer, role } = asRecord(entry)
    return { layer: asText(layer), role: asText(role) as Member['role'] }
  })
  const group = groupOf(members, weights)
  const shapes = shapesOf(weights)
  const values = flat(weights)
  const grads = flat(asRecord(input.grads))
  const scoresOf = (criterion: 'magnitude' | 'taylor') =>
    scoreWeights(
      criterion,
      Object.fromEntries(
        Object.entries(values).map(([name, own]) => [
          name,
          { values: own, shape: [own.length], gradient: grads[name] ?? new Float32Array(own.length) },
        ]),
      ),
      { seed: 0, step: 0 },
    )
  const pooled = (criterion: 'magnitude' | 'taylor', pooling: 'sum' | 'l2', coupled: boolean) => {
    const scores = unitPieces(group, shapes, { pooling, coupled }).pool(scoresOf(criterion))
    return pooling === 'l2' ? scores.map((score) => score * score) : scores
  }
  const scaled = members.filter(({ role }) => role === 'bn').map(({ layer }) => values[`${layer}/gamma`] ?? [])
  const gammas = (power: number, unit: number) =>
    scaled.reduce((sum, own) => sum + Math.abs(own[unit] ?? 0) ** power, 0)
  const count = members.length
  const roots = members.filter(({ role }) => role === 'out').length
  const found: Record<string, (unit: number) => number | undefined> = {
    magnitude_p1: (unit) => ((pooled('magnitude', 'sum', true)[unit] ?? 0) + gammas(1, unit)) / count,
    magnitude_p2: (unit) => ((pooled('magnitude', 'l2', true)[unit] ?? 0) + gammas(2, unit)) / count,
    magnitude_p2_sum: (unit) => (pooled('magnitude', 'l2', true)[unit] ?? 0) + gammas(2, unit),
    taylor: (unit) => (pooled('taylor', 'sum', true)[unit] ?? 0) / (count - scaled.length),
    // Torch-Pruning's first member alone; Espalier takes all the layers that make the units.
    ...(roots === 1
      ? {
          magnitude_p1_first: (unit: number) => pooled('magnitude', 'sum', false)[unit],
          taylor_first: (unit: number) => pooled('taylor', 'sum', false)[unit],
        }
      : {}),
    ...(scaled.length > 0
      ? {
          bn_scale: (unit: number) =>
            (UNIT_CRITERIA['batch-norm-scale'](
              unitEvidence('batch-norm-scale', { group, shapes }, { values, inputs: null }),
            )[unit] ?? 0) / scaled.length,
        }
      : {}),
  }
  const { incoming = [] } = unitEvidence('fpgm', { group, shapes }, { values, inputs: null })
  const norms = unitPieces(group, shapes, { pooling: 'l2', coupled: false }).pool(scoresOf('magnitude'))
  const published = UNIT_CRITERIA.fpgm({ incoming })
  if (roots === 1)
    group.units.forEach((_, unit) => {
      const close = (actual: number | undefined, value: unknown, what: string) =>
        expectClose(actual ?? Number.NaN, asTensor(value).data[unit] ?? Number.NaN, toleranceOf(tolerance), what)
      close(published[unit], expected.fpgm_published_formula, `fpgm of unit ${unit}`)
      close(pooled('magnitude', 'sum', false)[unit], expected.l1_of_root_kernel, `L1 of unit ${unit}`)
      close(norms[unit], expected.l2_of_root_kernel, `L2 of unit ${unit}`)
    })
  const all = asRecord(expected.scores)
  for (const [name, scoreOf] of Object.entries(found)) {
    asTensor(asRecord(all[name]).scores).data.forEach((score, unit) => {
      expectClose(scoreOf(unit) ?? Number.NaN, score, toleranceOf(tolerance), `${name} of unit ${unit}`)
    })
  }
  const others = Object.keys(all).filter((name) => !(name in found))
  return passedWith(`no such scores in Espalier: ${others.join(', ')}`)
}

/** A dense layer after a flatten takes every channel once for each position. */
function groupOf(members: readonly Member[], weights: Json): UnitGroup {
  const [root] = members
  const shapeOf = (layer: string, name: string) => asTensor(asRecord(weights[layer])[name]).shape
  const size = shapeOf(root?.layer ?? '', 'kernel').at(-1) ?? 0
  const kernel = (layer: string, unit: number, isOutput: boolean): WeightPart => {
    const shape = shapeOf(layer, 'kernel')
    const axis = isOutput ? shape.length - 1 : shape.length - 2
    const repeats = isOutput ? 1 : (shape[axis] ?? size) / size
    const indexes = Array.from({ length: repeats }, (_, position) => position * size + unit)
    return { weight: `${layer}/kernel`, axis, indexes }
  }
  const gamma = (layer: string, unit: number): WeightPart => ({
    weight: `${layer}/gamma`,
    axis: 0,
    indexes: [unit],
  })
  return {
    layers: members.filter(({ role }) => role === 'out').map(({ layer }) => layer),
    units: Array.from({ length: size }, (_, unit) => ({
      unit,
      pinned: null,
      output: members.flatMap(({ layer, role }) =>
        role === 'out' ? [kernel(layer, unit, true)] : role === 'bn' ? [gamma(layer, unit)] : [],
      ),
      input: members.flatMap(({ layer, role }) => (role === 'in' ? [kernel(layer, unit, false)] : [])),
    })),
  }
}

function flat(layers: Json): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.entries(layers).flatMap(([layer, own]) =>
      Object.entries(asRecord(own))
        .filter(([, value]) => typeof value === 'object' && value !== null)
        .map(([name, value]) => [`${layer}/${name}`, Float32Array.from(asTensor(value).data)]),
    ),
  )
}

function shapesOf(layers: Json): Record<string, Shape> {
  return Object.fromEntries(
    Object.entries(layers).flatMap(([layer, own]) =>
      Object.entries(asRecord(own))
        .filter(([, value]) => typeof value === 'object' && value !== null)
        .map(([name, value]) => [`${layer}/${name}`, asTensor(value).shape]),
    ),
  )
}
