import { nonFiniteGradients } from '../../../src/ml/transforms/non-finite.js'
import { expectEqual } from '../compare.js'
import { asNumber, asTensors, asText } from '../json.js'
import { type CaseRunner, passed, passedWith, unsupported } from '../outcome.js'
import { scalarOf, tensorOf, toTensors } from '../tensors.js'
import { checkClipping, clip } from './clipping.js'

/** `expected_exact` where the gradients are finite; where they are not, that the norm says so and the right tensors are named. */
export const runClippingNonFinite: CaseRunner = (reference) => {
  const mode = asText(reference.params.mode)
  if (mode !== 'behaviour') return unsupported(mode)

  const inputs = asTensors(reference.input.grads)
  const grads = toTensors(inputs)
  const spec = {
    mode: 'global-norm',
    maxNorm: asNumber(reference.params.threshold),
    p: 2,
    onNonFinite: 'fail',
  } as const
  const { info } = clip(spec, grads)
  const norms = Float32Array.from(tensorOf(info, 'tensorNorms').dataSync())
  const named = nonFiniteGradients(Object.keys(grads), norms)
  const truth = inputs.flatMap(({ data }, i) => (data.every(Number.isFinite) ? [] : [`w${i}`]))
  expectEqual(named.join(), truth.join(), 'tensors that are not finite')
  expectEqual(Number.isFinite(scalarOf(info.gradientNorm)), reference.expected.all_finite === true, 'finite norm')
  if (reference.expected.expected_exact === undefined) return passedWith('detection only: no exact result exists')
  checkClipping(spec, reference)
  return passed
}
