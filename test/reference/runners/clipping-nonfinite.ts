import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { Tensors } from '../../../src/ml/engine/types.js'
import { expectEqual, expectTensorClose, toleranceOf } from '../compare.js'
import { asList, asNumber, asRecord, asTensor, asTensors, asText, type ReferenceCase } from '../json.js'
import { afterGradient, nextLossScale } from '../non-finite-policies.js'
import { globalNorm } from '../norm.js'
import { type CaseRunner, type Outcome, passed, passedWith, unsupported } from '../outcome.js'
import { scalarOf, tensorOf, toTensor, toTensors } from '../tensors.js'
import { checkClipping, clip, expectTensors, globalNormClipping } from './clipping.js'

export const runClippingNonFinite: CaseRunner = (reference) => {
  const mode = asText(reference.params.mode)
  switch (mode) {
    case 'behaviour':
      return checkBehaviour(reference)
    case 'apply_if_finite':
      return checkApplyIfFinite(reference)
    case 'loss_scale':
      return checkLossScale(reference)
    default:
      return unsupported(mode)
  }
}

/** `expected_exact` where the gradients are finite; where they are not, that the norm says so, which is what a train step acts on. */
function checkBehaviour(reference: ReferenceCase): Outcome {
  const spec = globalNormClipping(asNumber(reference.params.threshold))
  const { info } = clip(spec, toTensors(asTensors(reference.input.grads)))
  expectEqual(Number.isFinite(scalarOf(info.gradientNorm)), reference.expected.all_finite === true, 'finite norm')
  if (reference.expected.expected_exact === undefined) return passedWith('detection only: no exact result exists')
  return checkClipping(spec, reference)
}

const areFinite = (grads: Tensors) => Number.isFinite(scalarOf(globalNorm(grads, 2)))

/** SGD with momentum, whose updates `afterGradient` lets through or not. */
function checkApplyIfFinite({ input, params, expected, tolerance }: ReferenceCase): Outcome {
  const close = toleranceOf(tolerance)
  let weights = toTensors(asTensors(input.weights))
  let momentum = map(weights, (weight) => tf.zerosLike(weight))
  let counts = { consecutive: 0, total: 0 }
  asList(expected.steps).forEach((entry, index) => {
    const step = asRecord(entry)
    const grads = toTensors(asTensors(asList(input.grads)[index]))
    const { isApplied, ...next } = afterGradient(counts, areFinite(grads), asNumber(params.max_consecutive_errors))
    counts = next
    if (isApplied) {
      momentum = map(momentum, (slot, name) => tf.add(tf.mul(slot, asNumber(params.momentum)), tensorOf(grads, name)))
      weights = map(weights, (weight, name) => tf.sub(weight, tf.mul(tensorOf(momentum, name), asNumber(params.lr))))
    }
    expectTensors(weights, asTensors(step.weights), close)
    expectTensors(momentum, asTensors(step.momentum), close)
    expectEqual(counts.consecutive, asNumber(step.notfinite_count), `step ${index}: consecutive`)
    expectEqual(counts.total, asNumber(step.total_notfinite), `step ${index}: total`)
    expectEqual(counts.consecutive === 0, step.last_finite === true, `step ${index}: last finite`)
  })
  return passed
}

/** SGD on gradients of the scaled loss. */
function checkLossScale({ input, params, expected, tolerance }: ReferenceCase): Outcome {
  let weights = toTensor(asTensor(input.weights))
  let loss = { scale: asNumber(params.initial_scale), finiteSteps: 0 }
  asList(expected.steps).forEach((entry, index) => {
    const step = asRecord(entry)
    const grad = toTensor(asTensor(asList(input.scaled_grads)[index]))
    const finite = areFinite({ grad })
    if (finite) weights = tf.sub(weights, tf.mul(tf.div(grad, loss.scale), asNumber(params.lr)))
    loss = nextLossScale(loss, finite, asNumber(params.dynamic_growth_steps))
    expectTensorClose(weights, asTensor(step.weights), toleranceOf(tolerance), `step ${index}: weights`)
    expectEqual(loss.scale, asNumber(step.scale), `step ${index}: scale`)
    expectEqual(loss.finiteSteps, asNumber(step.step_counter), `step ${index}: finite steps`)
  })
  return passed
}

function map(tensors: Tensors, change: (tensor: Tensors[string], name: string) => Tensors[string]): Tensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, change(tensor, name)]))
}
