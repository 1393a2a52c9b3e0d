import { expectEqual } from '../compare.js'
import { asNumber, asTensors, asText } from '../json.js'
import { type CaseRunner, passed, passedWith, unsupported } from '../outcome.js'
import { scalarOf, toTensors } from '../tensors.js'
import { checkClipping, clip } from './clipping.js'

/** `expected_exact` where the gradients are finite; where they are not, that the norm says so, which is what a train step acts on. */
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
  expectEqual(Number.isFinite(scalarOf(info.gradientNorm)), reference.expected.all_finite === true, 'finite norm')
  if (reference.expected.expected_exact === undefined) return passedWith('detection only: no exact result exists')
  checkClipping(spec, reference)
  return passed
}
