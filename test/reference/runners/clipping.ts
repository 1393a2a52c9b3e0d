import type { ClippingSpec } from '../../../src/contracts/clipping.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { Tensors } from '../../../src/ml/engine/types.js'
import { makeClipping } from '../../../src/ml/transforms/clipping.js'
import { globalNorm } from '../../../src/ml/transforms/norms.js'
import { expectClose, expectTensorClose, toleranceOf } from '../compare.js'
import { asNumber, asNumbers, asRecord, asTensors, asText, type ReferenceCase } from '../json.js'
import { type CaseRunner, type Outcome, passed, unsupported } from '../outcome.js'
import { scalarOf, tensorOf, toTensors } from '../tensors.js'

/** Larger norms are reported as the largest float32. */
export const LARGEST_FLOAT = 3.4028234663852886e38
const onNonFinite = 'fail' as const

export const runClipping: CaseRunner = (reference) => {
  const spec = specOf(reference)
  return spec === null ? unsupported(asText(reference.params.mode)) : checkClipping(spec, reference)
}

/** Clips and compares gradients, norms and scale with `expected_exact`. */
export function checkClipping(spec: ClippingSpec, { input, expected, tolerance }: ReferenceCase): Outcome {
  const exact = asRecord(expected.expected_exact, 'expected_exact')
  const grads = toTensors(asTensors(input.grads))
  const { grads: clipped, info } = clip(spec, grads)
  const close = toleranceOf(tolerance)
  asTensors(exact.grads).forEach((grad, i) => {
    expectTensorClose(tensorOf(clipped, `w${i}`), grad, close, `grads[${i}]`)
  })
  if (exact.norms !== undefined) {
    const norms = tensorOf(info, 'tensorNorms').dataSync()
    asNumbers(exact.norms).forEach((norm, i) => {
      expectClose(norms[i] ?? Number.NaN, norm, close, `norms[${i}]`)
    })
  }
  if (exact.norm !== undefined && spec.mode === 'global-norm') {
    const norm = scalarOf(globalNorm(grads, spec.p))
    expectClose(norm, Math.min(asNumber(exact.norm), LARGEST_FLOAT), close, 'norm')
  }
  if (exact.scale !== undefined) expectClose(scalarOf(info.clipScale), asNumber(exact.scale), close, 'scale')
  return passed
}

export function clip(spec: ClippingSpec, grads: Tensors) {
  return makeClipping(spec).update(grads, null, { params: grads, step: tf.scalar(0, 'int32') })
}

function specOf({ params }: ReferenceCase): ClippingSpec | null {
  const threshold = () => asNumber(params.threshold)
  switch (params.mode) {
    case 'value':
      return { mode: 'value', maxValue: threshold(), onNonFinite }
    case 'norm_per_tensor':
      return params.p === 2 ? { mode: 'norm', maxNorm: threshold(), onNonFinite } : null
    case 'global_norm':
      return { mode: 'global-norm', maxNorm: threshold(), p: orderOf(params.p), onNonFinite }
    default:
      return null
  }
}

function orderOf(p: unknown): 1 | 2 | 3 | 'infinity' {
  if (p === 1 || p === 2 || p === 3) return p
  if (p === 'inf') return 'infinity'
  throw new Error(`unknown order ${String(p)}`)
}
