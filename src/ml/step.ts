import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import type { MetricName, TrainingJobSpec } from '../contracts/training-job.js'
import type { StoredTensors } from '../formats/safetensors.js'
import { prunedLayers } from '../planning/plan.js'
import { kernelOf } from '../planning/shapes.js'
import { gatherBatch } from './data.js'
import { tf } from './engine/tensorflow.js'
import type { InputSpec, SignatureSpec, StepFunction, Tensors } from './engine/types.js'
import { makeLoss } from './losses.js'
import { makeMetric } from './metrics.js'
import type { Model } from './models/model.js'
import { addL2 } from './optimizers/l2.js'
import { makeOptimizer } from './optimizers/make-optimizer.js'
import { filled, type Shaped, tensorAt } from './optimizers/optimizer.js'
import { makeClipping } from './transforms/clipping.js'

/** Name of the mask of a pruned kernel, in the state: float32, 1 = kept, 0 = removed. */
export const maskOf = (param: string): string => `${param}/mask`

/** The parts of a job that its steps are made of. */
export interface StepParts {
  readonly spec: TrainingJobSpec
  readonly model: Model
  /** Names of the kernels that are pruned. */
  readonly pruned: readonly string[]
}

/** Names of the kernels that a spec prunes, in the order of the layers. */
export function prunedKernels(spec: TrainingJobSpec, model: Model): string[] {
  return prunedLayers(spec, model.layers).map(kernelOf)
}

/** What training changes, before the first step: weights drawn by the seed, optimizer slots, masks of ones. */
export function initialState({ spec, model, pruned }: StepParts): StoredTensors {
  const params = model.initialize(spec.seed)
  return { ...params, ...makeOptimizer(spec.optimizer).init(params), ...filled(maskShapes(model, pruned), 1) }
}

/** Names and shapes of what `initialState` draws, all float32. */
export function stateShapes({ spec, model, pruned }: StepParts): Shaped {
  const params = parameterShapes(model)
  return { ...params, ...makeOptimizer(spec.optimizer).slotShapes(params), ...maskShapes(model, pruned) }
}

function parameterShapes(model: Model): Shaped {
  return Object.fromEntries(Object.entries(model.parameters).map(([name, shape]) => [name, { shape }]))
}

function maskShapes(model: Model, pruned: readonly string[]): Shaped {
  return Object.fromEntries(pruned.map((name) => [maskOf(name), { shape: model.parameters[name] ?? [] }]))
}

/** Optimizer slots that belong to the parameter, and so are masked with it. */
export function slotsOf(param: string, state: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(state).filter((name) => name.startsWith(`${param}/`) && name !== maskOf(param))
}

/**
 * One update on the examples of `rows` [batch]: gradients → masks of pruned kernels → clipping → L2 → optimizer → masks again, on weights
 * and on slots: a slot that is left to decay turns into denormal numbers, which double the time of a step.
 * A gradient or loss that is NaN or infinite changes nothing: the state stays as it was, and `gradientNorm` or `loss` says so.
 * Outputs, all scalars: `loss` (mean), a sum over the batch for each metric, `gradientNorm`, `clipScale`, `clipped`.
 */
export function makeTrainStep(parts: StepParts): StepFunction {
  const { spec, model, pruned } = parts
  const optimizer = makeOptimizer(spec.optimizer)
  const clipping = makeClipping(spec.clipping)
  const paramNames = Object.keys(model.parameters)
  const slotNames = Object.keys(optimizer.slotShapes(parameterShapes(model)))

  return ({ state, inputs }) => {
    const params = pick(state, paramNames)
    const step = tensorAt(inputs, 'step')
    const { loss, outputs, labels, grads } = gradients(parts, state, tensorAt(inputs, 'rows'))
    const masked = maskAll(grads, state, pruned, (name) => [name])
    const clipped = clipping.update(masked, null, { params, step })
    const updated = optimizer.update({
      params,
      grads: addL2(clipped.grads, params, spec.optimizer.l2),
      slots: pick(state, slotNames),
      learningRate: tensorAt(inputs, 'learningRate'),
    })
    const next = maskAll({ ...updated.params, ...updated.slots }, state, pruned, (name) => [
      name,
      ...slotsOf(name, updated.slots),
    ])
    const { gradientNorm, clipScale, clipped: engaged } = clipped.info
    if (!gradientNorm || !clipScale || !engaged) throw new Error('clipping gave no norm, scale or flag')
    return {
      state: keepIfNotFinite(next, state, [loss, gradientNorm]),
      outputs: { loss, ...metricSums(spec.metrics ?? [], outputs, labels), gradientNorm, clipScale, clipped: engaged },
    }
  }
}

/** On the examples of `rows`: sums of the loss and of each metric over the batch. Changes nothing. */
function makeEvaluationStep({ spec, model }: StepParts): StepFunction {
  const loss = makeLoss(spec.loss)
  return ({ state, inputs }) => {
    const { features, labels } = gatherBatch(state, tensorAt(inputs, 'rows'))
    const outputs = model.apply(state, features)
    return {
      outputs: {
        loss: tf.sum(loss.perExample(outputs, labels)),
        ...metricSums(spec.metrics ?? [], outputs, labels),
      },
    }
  }
}

/** The train step on batches of `batch` rows. Inputs: `rows`; `learningRate`, float32; `step`, int32, from 0. */
export function trainSignature(parts: StepParts, batch: number, xla = false): SignatureSpec {
  const scalar = (dtype: InputSpec['dtype']): InputSpec => ({ shape: [], dtype })
  const rows: InputSpec = { shape: [batch], dtype: 'int32' }
  return {
    inputs: { rows, learningRate: scalar('float32'), step: scalar('int32') },
    step: makeTrainStep(parts),
    xla,
  }
}

/** The evaluation of batches of `batch` rows. Input: `rows`. Outputs: a sum over the batch for the loss and for each metric. */
export function evaluationSignature(parts: StepParts, batch: number): SignatureSpec {
  return { inputs: { rows: { shape: [batch], dtype: 'int32' } }, step: makeEvaluationStep(parts) }
}

/** Loss on a batch and its gradients by every weight, before anything is done to them. */
export function gradients({ spec, model }: StepParts, state: Tensors, rows: Tensor) {
  const { features, labels } = gatherBatch(state, rows)
  const names = Object.keys(model.parameters)
  const { loss: lossOf } = makeLoss(spec.loss)
  let kept: Tensor | null = null
  const { value: loss, grads } = tf.valueAndGrads((...weights: Tensor[]): Scalar => {
    const params = Object.fromEntries(names.map((name, index) => [name, weights[index] ?? tf.scalar(0)]))
    // Without keep, tfjs disposes of it together with the other intermediate tensors of the forward pass.
    const outputs = tf.keep(model.apply(params, features))
    kept = outputs
    return lossOf(outputs, labels)
  })(names.map((name) => tensorAt(state, name)))
  const outputs = released(kept)
  const byName: Tensors = Object.fromEntries(names.map((name, index) => [name, grads[index] ?? tf.scalar(0)]))
  return { loss, outputs, labels, grads: byName }
}

/** The same values as a tensor that the surrounding scope disposes of. */
function released(kept: Tensor | null): Tensor {
  if (kept === null) throw new Error('the model gave no output')
  const outputs = tf.clone(kept)
  kept.dispose()
  return outputs
}

function metricSums(metrics: readonly MetricName[], outputs: Tensor, labels: Tensor): Tensors {
  return Object.fromEntries(metrics.map((name) => [name, makeMetric(name)(outputs, labels)]))
}

/** Multiplies the tensors that `targets` names for each pruned parameter by its mask. */
function maskAll(
  tensors: Tensors,
  state: Tensors,
  pruned: readonly string[],
  targets: (param: string) => readonly string[],
): Tensors {
  const masked: Record<string, Tensor> = { ...tensors }
  for (const param of pruned) {
    const mask = tensorAt(state, maskOf(param))
    for (const name of targets(param)) masked[name] = tf.mul(tensorAt(tensors, name), mask)
  }
  return masked
}

/** The new state, or the old one where a witness is NaN or infinite: the loss, or the norm, which is that exactly if a gradient is. */
function keepIfNotFinite(next: Tensors, state: Tensors, witnesses: readonly Tensor[]): Tensors {
  // Each by itself: the sum of two large numbers may overflow.
  const condition = witnesses.map((witness) => tf.isFinite(witness)).reduce((a, b) => tf.logicalAnd(a, b))
  // The kernel takes a scalar condition as it is; tf.where would first blow it up to the shape of every tensor.
  const select = (t: Tensor, e: Tensor): Tensor => tf.engine().runKernel('Select', { condition, t, e })
  return Object.fromEntries(Object.entries(next).map(([name, tensor]) => [name, select(tensor, tensorAt(state, name))]))
}

function pick(tensors: Tensors, names: readonly string[]): Tensors {
  return Object.fromEntries(names.map((name) => [name, tensorAt(tensors, name)]))
}
