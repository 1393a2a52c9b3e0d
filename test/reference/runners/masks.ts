import { scoreWeights } from '../../../src/ml/pruning/criteria/elements.js'
import { solve } from '../../../src/ml/pruning/distribution.js'
import { inputNormsOf } from '../../../src/ml/pruning/evidence.js'
import { blockPieces } from '../../../src/ml/pruning/granularity/blocks.js'
import { elementPieces } from '../../../src/ml/pruning/granularity/elements.js'
import { matrixOf } from '../../../src/ml/pruning/granularity/matrix.js'
import { selectOfGroups } from '../../../src/ml/pruning/granularity/n-of-m.js'
import { unitPieces } from '../../../src/ml/pruning/granularity/units.js'
import { updateMasks } from '../../../src/ml/pruning/masks.js'
import { normalize } from '../../../src/ml/pruning/normalization.js'
import { selectMask } from '../../../src/ml/pruning/selection.js'
import { expectClose, expectEqual, expectSame, toleranceOf } from '../compare.js'
import { asList, asNumber, asNumbers, asRecord, asTensor, asTensors, type ReferenceCase } from '../json.js'
import { type CaseRunner, documentation, type Outcome, passed, passedWith, unsupported } from '../outcome.js'
import { channelScores } from './channel-scores.js'
import { flowOf } from './synflow.js'

const DOCUMENTATION = ['rounding', 'tfmot_ties', 'nncf_magnitude', 'nncf_exponential']
const CONTEXT = { seed: 0, step: 0 }

export const runMasks: CaseRunner = (reference) => {
  const kind = reference.kind ?? 'no kind'
  switch (kind) {
    case 'magnitude_unstructured':
      return magnitudeUnstructured(reference)
    case 'exact_k_ties':
      return exactCount(reference)
    case 'iterative':
    case 'iterative_structured':
      return iterative(reference)
    case 'ln_structured':
    case 'unit_ties':
      return structured(reference)
    case 'tfmot_unstructured':
      return tfmotUnstructured(reference)
    case 'tfmot_block':
    case 'jaxpruner_block':
      return block(reference)
    case 'm_by_n':
      return ofGroups(reference, scoresOf(asTensor(reference.input.weight).data))
    case 'wanda':
    case 'wanda_m_by_n':
      return wanda(reference)
    case 'snip':
    case 'movement':
    case 'lamp':
    case 'normalised_global':
    case 'obd':
      return scoredGlobally(reference)
    case 'synflow':
      return synflow(reference)
    case 'er':
    case 'erk':
      return distribution(reference)
    case 'count_floor':
      return countFloor(reference)
    case 'channel_scores':
      return channelScores(reference)
    default:
      return DOCUMENTATION.includes(kind) ? documentation(kind) : unsupported(kind)
  }
}

/** `layer` has one weight, `global` a list; a fraction goes the way of a job (`updateMasks`), a count straight to the selection. */
function magnitudeUnstructured({ input, params, expected }: ReferenceCase): Outcome {
  const isGlobal = params.scope === 'global'
  const weights = (isGlobal ? asTensors(input.weights) : [asTensor(input.weight)]).map(({ data }) => scoresOf(data))
  const masks = isGlobal ? asTensors(expected.masks) : [asTensor(expected.mask)]
  const amount = asNumber(params.amount)
  if (params.amount_kind === 'count') {
    expectSame(
      selectMask(concat(weights), amount),
      masks.flatMap(({ data }) => data),
      'mask',
    )
    return passed
  }
  const scored = weights.map((scores, i) => ({
    pieces: elementPieces(`w${i}`, scores.length),
    ...{ scores, shape: [scores.length] },
  }))
  const previous = Object.fromEntries(scored.map(({ pieces, scores }) => [pieces.name, ones(scores.length)]))
  const result = updateMasks(scored, previous, {
    ...{ sparsity: amount, scope: isGlobal ? 'global' : 'layer', distribution: 'uniform' },
    ...{ bounds: { min: 0, max: 1 }, roundTo: 1 },
  })
  masks.forEach(({ data }, i) => {
    expectSame(result.masks[`w${i}`] ?? [], data, `mask ${i}`)
  })
  if (expected.k_pruned !== undefined)
    expectEqual(
      result.updates.reduce((sum, { removed }) => sum + removed, 0),
      asNumber(expected.k_pruned),
      'removed',
    )
  return passed
}

function exactCount({ input, params, expected }: ReferenceCase): Outcome {
  const scores = concat(asTensors(input.weights).map(({ data }) => scoresOf(data)))
  const mask = selectMask(scores, asNumber(params.k_pruned))
  expectSame(
    mask,
    asTensors(expected.masks).flatMap(({ data }) => data),
    'masks',
  )
  return passed
}

/**
 * Each amount is a share (or, from 1, a count) of what is left, counted as torch does; what was removed stays removed. Where the
 * weights change between the rounds, torch still scores those of the round before: its `weight` is computed anew only by a forward pass.
 */
function iterative({ input, params, expected }: ReferenceCase): Outcome {
  const steps = asList(expected.steps).map((entry) => asRecord(entry))
  const lag = params.weights_change_between === true ? 1 : 0
  let kept: Uint8Array | undefined
  steps.forEach((step, i) => {
    const weight = asTensor(steps[Math.max(0, i - lag)]?.weight_before ?? input.weight)
    const pieces = params.axis === undefined ? elementPieces('w', weight.data.length) : slices(weight.shape, params)
    const scores = pieces.pool({ w: scoresOf(weight.data) })
    const removed = kept === undefined ? 0 : kept.length - count(kept)
    const amount = asNumber(step.amount)
    const more = amount < 1 ? roundHalfToEven(amount * (scores.length - removed)) : amount
    kept = selectMask(scores, removed + more, kept)
    expectSame(pieces.expand(kept).w ?? [], asTensor(step.mask).data, `mask of round ${i + 1}`)
  })
  return lag === 0 ? passed : passedWith('torch scores the weights of the round before, and so does this check')
}

/** Slices along an axis as units of a group, scored by the L1, L2 or maximum norm. */
function slices(shape: readonly number[], { axis, n }: ReferenceCase['params']) {
  const along = asNumber(axis)
  const units = Array.from({ length: shape[along] ?? 0 }, (_, index) => ({
    unit: index,
    pinned: null,
    output: [{ weight: 'kernel', axis: along, indexes: [index] }],
    input: [],
  }))
  const pooling = n === 'inf' ? 'max' : asNumber(n) === 1 ? 'sum' : 'l2'
  const pieces = unitPieces({ layers: ['units'], units }, { kernel: shape }, { pooling, coupled: false })
  return {
    pool: ({ w }: { w: Float32Array }) => pieces.pool({ kernel: w }),
    expand: (kept: Uint8Array) => ({ w: pieces.expand(kept).kernel }),
  }
}

function structured({ input, params, expected, tolerance }: ReferenceCase): Outcome {
  const weight = asTensor(input.weight)
  const units = slices(weight.shape, params)
  const scores = units.pool({ w: scoresOf(weight.data) })
  asTensor(expected.scores).data.forEach((score, i) => {
    expectClose(scores[i] ?? Number.NaN, score, toleranceOf(tolerance), `score ${i}`)
  })
  const amount = asNumber(params.amount ?? params.k_pruned)
  const removed = amount < 1 ? roundHalfToEven(amount * scores.length) : amount
  const kept = selectMask(scores, removed)
  const pruned = [...kept.keys()].filter((unit) => kept[unit] === 0)
  expectSame(pruned, asNumbers(expected.pruned_index), 'pruned units')
  if (expected.mask !== undefined) expectSame(units.expand(kept).w ?? [], asTensor(expected.mask).data, 'mask')
  return passed
}

function tfmotUnstructured({ input, params, expected }: ReferenceCase): Outcome {
  const { data } = asTensor(input.weight)
  const kept = Math.max(roundHalfToEven(data.length * (1 - asNumber(params.sparsity))), 1)
  expectEqual(kept, asNumber(expected.kept), 'kept')
  expectSame(selectMask(scoresOf(data), data.length - kept), asTensor(expected.mask).data, 'mask')
  return passed
}

/** JaxPruner leaves columns that fill no block out of its mask: here they are left out of the weight. */
function block({ input, params, expected, tolerance }: ReferenceCase): Outcome {
  const weight = asTensor(input.weight)
  const mask = asTensor(expected.aligned_mask ?? expected.mask)
  const { shape } = mask
  const [width = 1, last = 1] = [weight.shape.at(-1), shape.at(-1)]
  const data = weight.data.filter((_, i) => i % width < last)
  const [rows = 1, columns = 1] = asNumbers(params.block)
  const pooling = params.pooling === 'MAX' ? 'max' : 'mean'
  const pieces = blockPieces('w', matrixOf(shape), { kind: 'block', rows, columns, pooling })
  const scores = pieces.pool({ w: scoresOf(data) })
  if (expected.aligned_pooled !== undefined)
    asTensor(expected.aligned_pooled).data.forEach((score, i) => {
      expectClose(scores[i] ?? Number.NaN, score, toleranceOf(tolerance), `score of block ${i}`)
    })
  const kept = Math.max(roundHalfToEven(scores.length * (1 - asNumber(params.sparsity))), 1)
  expectSame(pieces.expand(selectMask(scores, scores.length - kept)).w ?? [], mask.data, 'mask')
  return width === last ? passed : passedWith('without the last columns, which are not in the mask of JaxPruner')
}

/** Along the given axis; a last group that is too short is filled up with zeros, which a job refuses instead. */
function ofGroups({ input, params, expected }: ReferenceCase, scores: Float32Array): Outcome {
  const { shape } = asTensor(input.weight)
  const [zeros, of, axis] = [asNumber(params.zeros), asNumber(params.group), asNumber(params.axis)]
  const extent = shape[axis] ?? 1
  const padded = Math.ceil(extent / of) * of
  const inner = shape.slice(axis + 1).reduce((product, size) => product * size, 1)
  const outer = scores.length / (extent * inner)
  const at = (before: number, index: number, after: number, size: number) => (before * size + index) * inner + after
  const filled = new Float32Array(outer * padded * inner)
  const each = (visit: (before: number, index: number, after: number) => void) => {
    for (let before = 0; before < outer; before++)
      for (let index = 0; index < extent; index++)
        for (let after = 0; after < inner; after++) visit(before, index, after)
  }
  each((before, index, after) => {
    filled[at(before, index, after, padded)] = scores[at(before, index, after, extent)] ?? 0
  })
  const matrix = matrixOf([outer, padded, inner])
  const kept = selectOfGroups(filled, matrix, { keep: of - zeros, of })
  const mask = new Uint8Array(scores.length)
  each((before, index, after) => {
    mask[at(before, index, after, extent)] = kept[at(before, index, after, padded)] ?? 0
  })
  expectSame(mask, asTensor(expected.mask).data, 'mask')
  return padded === extent ? passed : passedWith('filled up with zeros; a job refuses an axis that does not divide')
}

function wanda(reference: ReferenceCase): Outcome {
  const { input, params, expected, tolerance } = reference
  const { shape, data } = asTensor(input.weight)
  const activations = asTensor(input.activations)
  const inputs = shape[0] ?? 0
  const squares = new Float64Array(inputs)
  activations.data.forEach((value, i) => {
    squares[i % inputs] = (squares[i % inputs] ?? 0) + value * value
  })
  const evidence = { values: Float32Array.from(data), shape, inputNorms: inputNormsOf({ squares }, shape, false) }
  const scores = scoreWeights('wanda', { w: evidence }, CONTEXT).w ?? new Float32Array()
  asTensor(expected.scores).data.forEach((score, i) => {
    expectClose(scores[i] ?? Number.NaN, score, toleranceOf(tolerance), `score ${i}`)
  })
  if (params.k_pruned_per_output === undefined) return ofGroups(reference, scores)
  const keep = inputs - asNumber(params.k_pruned_per_output)
  expectSame(selectOfGroups(scores, matrixOf(shape), { keep, of: inputs }), asTensor(expected.mask).data, 'mask')
  return passed
}

/** Scores of each weight, then the lowest of all of them together. */
function scoredGlobally({ kind, input, params, expected, tolerance }: ReferenceCase): Outcome {
  const rounds =
    kind === 'movement' ? asList(input.weights).map((round) => asTensors(round)) : [asTensors(input.weights)]
  const first = rounds[0] ?? []
  const grads =
    kind === 'movement'
      ? asList(input.grads).map((round) => asTensors(round))
      : input.grads
        ? [asTensors(input.grads)]
        : []
  const evidence = first.map(({ shape, data }, i) => {
    const values = Float32Array.from(data)
    const movement = values.map((_, element) =>
      rounds.reduce(
        (sum, weights, round) => sum - (weights[i]?.data[element] ?? 0) * (grads[round]?.[i]?.data[element] ?? 0),
        0,
      ),
    )
    const gradient = Float32Array.from(grads[0]?.[i]?.data ?? [])
    const squaredGradient = Float32Array.from(input.hessian_diag ? (asTensors(input.hessian_diag)[i]?.data ?? []) : [])
    return [`w${i}`, { values, shape, movement, gradient, squaredGradient }] as const
  })
  const criterion = kind === 'normalised_global' ? 'magnitude' : (kind as 'snip' | 'movement' | 'lamp' | 'obd')
  const scores = Object.values(scoreWeights(criterion, Object.fromEntries(evidence), CONTEXT)).map((own) =>
    normalize(own, kind === 'normalised_global' ? 'l2' : 'none'),
  )
  asTensors(expected.scores).forEach(({ data }, i) => {
    data.forEach((score, element) => {
      expectClose(scores[i]?.[element] ?? Number.NaN, score, toleranceOf(tolerance), `score ${element} of weight ${i}`)
    })
  })
  expectSame(
    selectMask(concat(scores), asNumber(params.k_pruned)),
    asTensors(expected.masks).flatMap(({ data }) => data),
    'masks',
  )
  return passed
}

/** A chain of dense layers without bias; the flow is what the compiled pass of a job gives. */
function synflow({ input, expected, tolerance }: ReferenceCase): Outcome {
  const weights = asTensors(input.weights)
  const flows = flowOf(weights)
  asTensors(expected.scores).forEach(({ shape, data }, i) => {
    const values = Float32Array.from(weights[i]?.data ?? [])
    const scores = scoreWeights('synflow', { w: { values, shape, flow: flows[i] ?? new Float32Array() } }, CONTEXT).w
    data.forEach((score, element) => {
      expectClose(scores?.[element] ?? Number.NaN, score, toleranceOf(tolerance), `score ${element} of weight ${i}`)
    })
  })
  return passed
}

function distribution({ kind, input, params, expected, tolerance }: ReferenceCase): Outcome {
  const shapes = asList(input.shapes).map((shape) => asNumbers(shape))
  const dense = new Set(asNumbers(params.dense_layers))
  const sizes = shapes.map((shape) => shape.reduce((product, extent) => product * extent, 1))
  const free = shapes.filter((_, i) => !dense.has(i))
  // Layers that are to stay dense are excluded from the pruning of a job; what the others keep makes up for them.
  const kept =
    asNumber(expected.total_target_kept) - sizes.reduce((sum, size, i) => (dense.has(i) ? sum + size : sum), 0)
  const { scale, densities: found } = solve(free, kept, kind === 'er' ? 'er' : 'erk')
  expectClose(scale, asNumber(expected.epsilon), toleranceOf(tolerance), 'epsilon')
  const byLayer = shapes.map((_, i) => (dense.has(i) ? 1 : (found.shift() ?? Number.NaN)))
  asNumbers(expected.densities).forEach((density, i) => {
    expectClose(byLayer[i] ?? Number.NaN, density, toleranceOf(tolerance), `density ${i}`)
  })
  if (expected.kept_rounded !== undefined)
    expectSame(
      sizes.map((size, i) => size - Math.floor((1 - (byLayer[i] ?? 0)) * size)),
      asNumbers(expected.kept_rounded),
      'kept',
    )
  return passed
}

/** RigL rounds down where Espalier rounds to the nearest: they agree where the product is whole. */
function countFloor({ input, params, expected }: ReferenceCase): Outcome {
  const size = asNumbers(input.shape).reduce((product, extent) => product * extent, 1)
  const zeros = Math.floor(asNumber(params.sparsity) * size)
  const mask = selectMask(new Float32Array(size), zeros)
  expectEqual(size - count(mask), asNumber(expected.zeros), 'zeros')
  expectEqual(count(mask), asNumber(expected.ones), 'ones')
  return passedWith('counted as RigL does, floor(s · n); a job removes round(s · n)')
}

function scoresOf(weights: readonly number[]): Float32Array {
  const values = Float32Array.from(weights)
  return scoreWeights('magnitude', { w: { values, shape: [values.length] } }, CONTEXT).w ?? new Float32Array()
}

function ones(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).fill(1)
}

function concat(lists: readonly Float32Array[]): Float32Array {
  return Float32Array.from(lists.flatMap((list) => [...list]))
}

function count(mask: Uint8Array): number {
  return mask.reduce((sum, bit) => sum + bit, 0)
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value)
  if (value - floor !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}
