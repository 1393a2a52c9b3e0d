import type { ClippingMode, ClippingModeOf } from '../../../src/contracts/clipping-modes.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { Tensors } from '../../../src/ml/engine/types.js'
import { clipAdaptively, unitAxes } from '../../../src/ml/transforms/adaptive.js'
import { makeClipping } from '../../../src/ml/transforms/clipping.js'
import { LARGEST_FLOAT } from '../../../src/ml/transforms/norms.js'
import { selectionOf } from '../../../src/ml/transforms/selection.js'
import { baseThreshold } from '../../../src/ml/transforms/threshold.js'
import { expectAllClose, expectClose, expectEqual, expectTensorClose, type Tolerance, toleranceOf } from '../compare.js'
import {
  asList,
  asNumber,
  asNumbers,
  asRecord,
  asTensors,
  asText,
  type ReferenceCase,
  type ReferenceTensor,
} from '../json.js'
import { globalNorm } from '../norm.js'
import { clipPerExample, clipSpikes } from '../other-clipping.js'
import { type CaseRunner, type Outcome, passed, passedWith, unsupported } from '../outcome.js'
import { scalarOf, tensorOf, toTensors } from '../tensors.js'
import { runClippingSequence } from './clipping-sequences.js'

export const EVERYWHERE = { include: ['*'], exclude: [] as string[] }

export const runClipping: CaseRunner = (reference) => {
  const { params } = reference
  const threshold = () => asNumber(params.threshold)
  switch (params.mode) {
    case 'value':
      return checkClipping({ mode: 'value', maxValue: threshold(), ...EVERYWHERE }, reference)
    case 'norm_per_tensor':
      return checkClipping({ mode: 'norm', maxNorm: threshold(), ...EVERYWHERE }, reference)
    case 'global_norm':
      return checkClipping(
        { mode: 'global-norm', maxNorm: threshold(), p: orderOf(params.p), ...EVERYWHERE },
        reference,
      )
    case 'block_rms':
      return checkClipping({ mode: 'block-rms', maxRms: threshold(), ...EVERYWHERE }, reference)
    case 'agc':
      return checkAdaptive(reference)
    case 'per_example_global_norm':
      return checkPerExample(reference)
    case 'spam':
      return checkSpikes(reference)
    case 'autoclip':
    case 'zclip':
    case 'adagc':
      return runClippingSequence(reference)
    default:
      return unsupported(asText(params.mode))
  }
}

/** Clips and compares gradients, norms and scale with `expected_exact`. */
export function checkClipping(spec: ClippingMode, { input, expected, tolerance }: ReferenceCase): Outcome {
  const exact = asRecord(expected.expected_exact, 'expected_exact')
  const grads = toTensors(asTensors(input.grads))
  const { grads: clipped, info } = clip(spec, grads)
  const close = toleranceOf(tolerance)
  expectTensors(clipped, asTensors(exact.grads), close)
  const norms = [...tensorOf(info, 'tensorNorms').dataSync()]
  if (exact.norms !== undefined) expectAllClose(norms, asNumbers(exact.norms), close, 'norms')
  if (exact.rms !== undefined) {
    const rms = Object.values(grads).map(({ size }, i) => (norms[i] ?? Number.NaN) / Math.sqrt(size))
    // The root mean square of near-largest elements is a float32 where their norm is none.
    asNumbers(exact.rms).forEach((expectedRms, i) => {
      if (norms[i] !== LARGEST_FLOAT) expectClose(rms[i] ?? Number.NaN, expectedRms, close, `rms[${i}]`)
    })
  }
  if (exact.norm !== undefined && spec.mode === 'global-norm') {
    const norm = scalarOf(globalNorm(grads, spec.p))
    expectClose(norm, Math.min(asNumber(exact.norm), LARGEST_FLOAT), close, 'norm')
  }
  if (exact.scale !== undefined) expectClose(scalarOf(info.clipScale), asNumber(exact.scale), close, 'scale')
  return passed
}

/** One step of a mode without memory. */
export function clip(spec: ClippingMode, grads: Tensors, params = grads) {
  const context = { params, threshold: tf.scalar(baseThreshold(spec)) }
  return makeClipping(spec, grads).update(grads, {}, context)
}

export function globalNormClipping(maxNorm: number): ClippingModeOf<'global-norm'> {
  return { mode: 'global-norm', maxNorm, p: 2, ...EVERYWHERE }
}

export function expectTensors(actual: Tensors, expected: readonly ReferenceTensor[], close: Tolerance): void {
  expected.forEach((grad, i) => {
    expectTensorClose(tensorOf(actual, `w${i}`), grad, close, `grads[${i}]`)
  })
}

/** The units of the case, where they differ from Espalier's, are given to the function, which takes any. */
function checkAdaptive({ input, params, expected, tolerance }: ReferenceCase): Outcome {
  const exact = asRecord(expected.expected_exact, 'expected_exact')
  const grads = toTensors(asTensors(input.grads))
  const axes = asList(params.unit_axes).map((entry, i) =>
    entry === null ? tensorOf(grads, `w${i}`).shape.map((_, axis) => axis) : asNumbers(entry),
  )
  const axesOf = (name: string) => axes[Number(name.slice(1))] ?? []
  const threshold = tf.scalar(asNumber(params.clipping))
  const { grads: clipped } = clipAdaptively(selectionOf(EVERYWHERE, grads), asNumber(params.eps), axesOf).update(
    grads,
    {},
    { params: toTensors(asTensors(input.weights)), threshold },
  )
  expectTensors(clipped, asTensors(exact.grads), toleranceOf(tolerance))
  const isOwn = Object.entries(grads).every(([name, { shape }]) => `${unitAxes(name, shape)}` === `${axesOf(name)}`)
  return isOwn ? passed : passedWith('units as in the case: optax takes other axes for rank 3 and for a single row')
}

function checkPerExample({ input, params, expected, tolerance }: ReferenceCase): Outcome {
  const exact = asRecord(expected.expected_exact, 'expected_exact')
  const close = toleranceOf(tolerance)
  const { sums, norms, clipped } = clipPerExample(toTensors(asTensors(input.grads)), asNumber(params.threshold))
  expectTensors(sums, asTensors(exact.sum), close)
  expectAllClose(norms.dataSync(), asNumbers(exact.norms), close, 'norms')
  expectEqual(scalarOf(clipped), asNumber(exact.num_clipped), 'examples clipped')
  return passed
}

function checkSpikes({ input, params, expected, tolerance }: ReferenceCase): Outcome {
  const exact = asRecord(expected.expected_exact, 'expected_exact')
  const moments = toTensors(asTensors(input.second_moment))
  const { grads, elements } = clipSpikes(toTensors(asTensors(input.grads)), moments, asNumber(params.theta))
  expectTensors(grads, asTensors(exact.grads), toleranceOf(tolerance))
  expectEqual(scalarOf(elements), asNumber(exact.num_clipped), 'elements clipped')
  return passed
}

function orderOf(p: unknown): 1 | 2 | 3 | 'infinity' {
  if (p === 1 || p === 2 || p === 3) return p
  if (p === 'inf') return 'infinity'
  throw new Error(`unknown order ${String(p)}`)
}
