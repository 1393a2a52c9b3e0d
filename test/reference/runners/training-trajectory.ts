import type { Tensor } from '@tensorflow/tfjs-core'
import { parse } from '../../../src/contracts/parse.js'
import { TrainingJobSpec } from '../../../src/contracts/training-job-spec.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { Tensors } from '../../../src/ml/engine/types.js'
import { buildModel } from '../../../src/ml/models/model.js'
import { learningRateAt } from '../../../src/ml/optimizers/learning-rate.js'
import { initialState, maskOf, type StepParts } from '../../../src/ml/state.js'
import { trainSignature } from '../../../src/ml/step.js'
import { thresholdAt } from '../../../src/ml/transforms/threshold.js'
import { expandModel } from '../../../src/planning/presets.js'
import { expectClose, expectEqual, expectTensorClose, type Tolerance, toleranceOf } from '../compare.js'
import {
  asList,
  asNumber,
  asNumbers,
  asRecord,
  asTensor,
  asTensors,
  asText,
  type ReferenceCase,
  type ReferenceTensor,
} from '../json.js'
import { type CaseRunner, passed, unsupported } from '../outcome.js'
import { scalarOf, tensorOf, toTensor } from '../tensors.js'
import { clippingOf, optimizerSpec } from './optimizers.js'

/** Trains with the very step of a job: losses, gradient norms, weights along the way and at the end. */
export const runTrainingTrajectory: CaseRunner = (reference, file) => {
  const { input, params, expected, tolerance } = reference
  const optimizer = optimizerSpec(asText(params.optimizer), asRecord(params.config))
  if (typeof optimizer === 'string') return unsupported(optimizer)
  const masks = input.masks === null ? null : asTensors(input.masks)
  const parts = partsOf(reference, asTensor(asRecord(file.content.data).x), masks)
  const { step } = trainSignature(parts, asNumber(params.batch_size))
  const { clipping } = parts.spec
  const threshold = tf.scalar(thresholdAt(clipping, 0, 1))
  const names = Object.keys(parts.model.parameters)
  const loss = toleranceOf(tolerance, 'loss_abs')
  const weights = toleranceOf(tolerance, 'weights_abs')
  const losses = asNumbers(expected.loss)
  const norms = asNumbers(expected.grad_norm_before_clip)
  const snapshots = asRecord(expected.weights_after_step)
  const steps = asNumber(params.steps)

  let state = startOf(parts, input.initial_weights, masks, asRecord(file.content.data))
  let clipped = 0
  for (let t = 0; t < steps; t++) {
    const rows = tf.tensor1d(asNumbers(asList(input.batches)[t]), 'int32')
    const learningRate = tf.scalar(learningRateAt(optimizer, t, steps))
    const result = step({ state, inputs: { rows, learningRate, threshold, step: tf.scalar(t, 'int32') } })
    expectClose(scalarOf(result.outputs.loss), losses[t] ?? Number.NaN, loss, `loss of step ${t + 1}`)
    // The norm is a sum of as many terms as a weight has gradients: the tolerance of the losses holds for it as well.
    expectClose(
      scalarOf(result.outputs.gradientNorm),
      norms[t] ?? Number.NaN,
      { ...loss, rel: 1e-4 },
      `norm of step ${t + 1}`,
    )
    clipped += scalarOf(result.outputs.clipped)
    state = { ...state, ...result.state }
    const snapshot = snapshots[String(t + 1)]
    if (snapshot !== undefined) expectWeights(state, names, asTensors(snapshot), weights, `after step ${t + 1}`)
  }
  expectWeights(state, names, asTensors(expected.final_weights), weights, 'at the end')
  if (expected.steps_clipped !== null) expectEqual(clipped, asNumber(expected.steps_clipped), 'steps clipped')
  return passed
}

function partsOf({ params }: ReferenceCase, x: ReferenceTensor, masks: readonly ReferenceTensor[] | null): StepParts {
  const layers = asList(params.model).map((entry, i) => {
    const { units, activation } = asRecord(asRecord(entry).config)
    return { type: 'dense', name: `dense-${i + 1}`, units, activation }
  })
  const optimizer = optimizerSpec(asText(params.optimizer), asRecord(params.config))
  const spec = parse(TrainingJobSpec, {
    datasetId: 'ds_01979f4e-8f43-7b1c-a3a0-1f2d3c4b5a69',
    model: { kind: 'layers', inputShape: x.shape.slice(1), layers },
    optimizer,
    clipping: clippingOf(asRecord(params.config)),
    steps: asNumber(params.steps),
    batchSize: asNumber(params.batch_size),
    metrics: ['accuracy'],
  })
  if (!spec.ok) throw new Error(`the contract refuses the job: ${JSON.stringify(spec.errors)}`)
  const loss = 'sparse-categorical-crossentropy'
  const model = buildModel(expandModel(spec.value.model), loss)
  const names = Object.keys(model.parameters)
  const pruned = masks === null ? [] : names.filter((name, i) => name.endsWith('/kernel') && masks[i]?.data.includes(0))
  return { spec: { ...spec.value, loss, metrics: ['accuracy'] }, model, pruned }
}

/** The given weights (masked once, as the reference does), fresh slots, masks and data. */
function startOf(
  parts: StepParts,
  initialWeights: unknown,
  masks: readonly ReferenceTensor[] | null,
  { x, y }: Readonly<Record<string, unknown>>,
): Tensors {
  const fresh = Object.entries(initialState(parts)).map(([name, { values, shape }]): [string, Tensor] => [
    name,
    tf.tensor(values, [...shape]),
  ])
  const state: Record<string, Tensor> = Object.fromEntries(fresh)
  const given = asTensors(initialWeights)
  Object.keys(parts.model.parameters).forEach((name, i) => {
    const values = toTensor(given[i] ?? { shape: [], data: [] })
    const mask = masks?.[i]
    state[name] = mask === undefined ? values : tf.mul(values, toTensor(mask))
    if (mask !== undefined && parts.pruned.includes(name)) state[maskOf(name)] = toTensor(mask)
  })
  state['data/features'] = toTensor(asTensor(x))
  state['data/labels'] = tf.tensor1d(asNumbers(y), 'int32')
  return state
}

function expectWeights(
  state: Tensors,
  names: readonly string[],
  expected: readonly ReferenceTensor[],
  tolerance: Tolerance,
  when: string,
): void {
  names.forEach((name, i) => {
    expectTensorClose(tensorOf(state, name), expected[i] ?? { shape: [], data: [] }, tolerance, `${name} ${when}`)
  })
}
