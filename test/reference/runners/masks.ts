import { CRITERIA } from '../../../src/ml/pruning/criteria.js'
import { updateMasks } from '../../../src/ml/pruning/scopes.js'
import { selectMask } from '../../../src/ml/pruning/selection.js'
import { expectEqual, expectSame } from '../compare.js'
import { asList, asNumber, asRecord, asTensor, asTensors, type ReferenceCase } from '../json.js'
import { type CaseRunner, documentation, type Outcome, passed, passedWith, unsupported } from '../outcome.js'

const DOCUMENTATION = ['rounding', 'tfmot_ties', 'nncf_magnitude', 'nncf_exponential']
const { magnitude } = CRITERIA

export const runMasks: CaseRunner = (reference) => {
  const kind = reference.kind ?? 'no kind'
  switch (kind) {
    case 'magnitude_unstructured':
      return magnitudeUnstructured(reference)
    case 'exact_k_ties':
      return exactCount(reference)
    case 'iterative':
      return iterative(reference)
    case 'tfmot_unstructured':
      return tfmotUnstructured(reference)
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
  const scores = Object.fromEntries(weights.map((values, i) => [`w${i}`, values]))
  const result = updateMasks({ scores, sparsity: amount, scope: isGlobal ? 'global' : 'layer' })
  masks.forEach(({ data }, i) => {
    expectSame(result.masks[`w${i}`] ?? [], data, `mask ${i}`)
  })
  if (expected.k_pruned !== undefined) expectEqual(result.totalRemoved, asNumber(expected.k_pruned), 'removed')
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
function iterative({ params, expected }: ReferenceCase): Outcome {
  const steps = asList(expected.steps).map((entry) => asRecord(entry))
  const lag = params.weights_change_between === true ? 1 : 0
  let mask: Uint8Array | undefined
  steps.forEach((step, i) => {
    const weight = asTensor(steps[Math.max(0, i - lag)]?.weight_before)
    const removed = mask === undefined ? 0 : mask.length - count(mask)
    const amount = asNumber(step.amount)
    const more = amount < 1 ? roundHalfToEven(amount * (weight.data.length - removed)) : amount
    mask = selectMask(scoresOf(weight.data), removed + more, mask)
    expectSame(mask, asTensor(step.mask).data, `mask of round ${i + 1}`)
  })
  return lag === 0 ? passed : passedWith('torch scores the weights of the round before, and so does this check')
}

function tfmotUnstructured({ input, params, expected }: ReferenceCase): Outcome {
  const { data } = asTensor(input.weight)
  const kept = Math.max(roundHalfToEven(data.length * (1 - asNumber(params.sparsity))), 1)
  expectEqual(kept, asNumber(expected.kept), 'kept')
  expectSame(selectMask(scoresOf(data), data.length - kept), asTensor(expected.mask).data, 'mask')
  return passed
}

function scoresOf(weights: readonly number[]): Float32Array {
  return magnitude({ param: Float32Array.from(weights) })
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
