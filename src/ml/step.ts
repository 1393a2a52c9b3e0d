import type { Tensor } from '@tensorflow/tfjs-core'
import { isBatchMetric } from '../contracts/metric-name.js'
import { gatherBatch } from './data.js'
import { tf } from './engine/tensorflow.js'
import type { InputSpec, SignatureSpec, StepFunction, Tensors } from './engine/types.js'
import { gradients } from './gradients.js'
import { makeLoss } from './losses/make-loss.js'
import { makeMetric } from './metrics/make-metric.js'
import { updateEma } from './optimizers/ema.js'
import { addL2 } from './optimizers/l2.js'
import { makeOptimizer } from './optimizers/make-optimizer.js'
import { tensorAt } from './optimizers/optimizer.js'
import { decayWeights } from './optimizers/weight-decay.js'
import { accumulatedOf, finalWeights, maskOf, type StepParts, shaped, slotsOf } from './state.js'
import { makeClipping } from './transforms/clipping.js'
import { zeroNonFinite } from './transforms/non-finite.js'

/**
 * One update on the examples of `rows` [batch]: gradients → those of the mini-batches before → masks of pruned kernels → non-finite policy → clipping → L2
 * → weight decay → optimizer → masks again, on weights and on slots (a slot that is left to decay turns into denormal numbers, which double the
 * time of a step) → averages.
 * A gradient or loss that is NaN or infinite changes nothing, unless the policy is `zero`: the state stays as it was, and `gradientNorm` or `loss` says so.
 * Outputs: `loss` (mean), a sum over the batch for each metric, and what clipping tells (`infoOf` in transforms/report.ts).
 */
function makeTrainStep(parts: StepParts): StepFunction {
  const { spec, model, pruned } = parts
  const { optimizer: options } = spec
  const optimizer = makeOptimizer(options)
  const paramShapes = shaped(model.parameters)
  const clipping = makeClipping(spec.clipping, paramShapes)
  const paramNames = Object.keys(model.parameters)
  const slotNames = Object.keys(optimizer.slotShapes(paramShapes))
  const clipNames = Object.keys(clipping.stateShapes(paramShapes))

  return ({ state, inputs }) => {
    const params = pick(state, paramNames)
    const step = tensorAt(inputs, 'step')
    const learningRate = tensorAt(inputs, 'learningRate')
    const batch = gradients(parts, state, tensorAt(inputs, 'rows'), inputs.draw ?? step)
    const whole = maskAll(accumulated(parts, state, batch.grads, inputs.share), state, pruned, (name) => [name])
    const cleaned = spec.clipping.onNonFinite === 'zero' ? zeroNonFinite(whole) : { grads: whole, info: {} }
    const threshold = tensorAt(inputs, 'threshold')
    const clipped = clipping.update(cleaned.grads, pick(state, clipNames), { params, step, threshold })
    const updated = optimizer.update({
      params: decayWeights(params, options.weightDecay, learningRate),
      grads: addL2(clipped.grads, params, options.l2),
      slots: pick(state, slotNames),
      learningRate,
    })
    const masked = maskAll({ ...updated.params, ...updated.slots }, state, pruned, (name) => [
      name,
      ...slotsOf(name, updated.slots),
    ])
    const averages = options.ema ? updateEma(state, pick(masked, paramNames), options.ema.decay) : {}
    const gradientNorm = tensorAt(clipped.info, 'gradientNorm')
    const next = { ...masked, ...averages, ...clipped.state }
    const isZeroing = spec.clipping.onNonFinite === 'zero'
    return {
      state: {
        ...(isZeroing ? next : keepIfNotFinite(next, state, [batch.loss, gradientNorm])),
        ...keepIfNotFinite(batch.moments, state, isZeroing ? [batch.loss] : [batch.loss, gradientNorm]),
        ...emptied(parts, state),
      },
      outputs: { loss: batch.loss, ...metricSums(parts, batch), ...clipped.info, ...cleaned.info },
    }
  }
}

/** Adds the gradients of a mini-batch to those before, `share` of the whole. Outputs as those of an update, without what clipping tells. */
function makeAccumulateStep(parts: StepParts): StepFunction {
  return ({ state, inputs }) => {
    const batch = gradients(parts, state, tensorAt(inputs, 'rows'), tensorAt(inputs, 'draw'))
    const sums = accumulated(parts, state, batch.grads, inputs.share)
    return {
      state: {
        ...Object.fromEntries(Object.entries(sums).map(([name, sum]) => [accumulatedOf(name), sum])),
        ...keepIfNotFinite(batch.moments, state, [batch.loss]),
      },
      outputs: { loss: batch.loss, ...metricSums(parts, batch) },
    }
  }
}

function accumulated({ spec }: StepParts, state: Tensors, grads: Tensors, share: Tensor | undefined): Tensors {
  if (spec.optimizer.accumulateSteps === 1 || !share) return grads
  return Object.fromEntries(
    Object.entries(grads).map(([name, grad]) => [
      name,
      tf.add(tensorAt(state, accumulatedOf(name)), tf.mul(grad, share)),
    ]),
  )
}

function emptied({ spec, model }: StepParts, state: Tensors): Tensors {
  if (spec.optimizer.accumulateSteps === 1) return {}
  const names = Object.keys(model.parameters).map(accumulatedOf)
  return Object.fromEntries(names.map((name) => [name, tf.zerosLike(tensorAt(state, name))]))
}

/** On the examples of `rows`: sums of the loss and of each metric over the batch, and if asked the `predictions`. Changes nothing. */
function makeEvaluationStep(parts: StepParts, withPredictions: boolean): StepFunction {
  const { spec, model } = parts
  const loss = makeLoss(spec.loss, spec.lossOptions)
  return ({ state, inputs }) => {
    const { features, labels } = gatherBatch(state, tensorAt(inputs, 'rows'))
    const outputs = model.apply(finalWeights(parts, state), features)
    return {
      outputs: {
        loss: tf.sum(loss.perExample(outputs, labels)),
        ...metricSums(parts, { outputs, labels }),
        ...(withPredictions ? { predictions: loss.predictions(outputs) } : {}),
      },
    }
  }
}

const scalar = (dtype: InputSpec['dtype']): InputSpec => ({ shape: [], dtype })
const rowsOf = (batch: number): InputSpec => ({ shape: [batch], dtype: 'int32' })
const mini = { share: scalar('float32'), draw: scalar('int32') }

/**
 * The update on batches of `batch` rows. Inputs: `rows`; `learningRate` and `threshold`, float32; `step`, int32, from 0; if updates take several
 * mini-batches also `share`, float32, that this one has in the rows of the update, and `draw`, int32, which counts mini-batches.
 */
export function trainSignature(parts: StepParts, batch: number, xla = false): SignatureSpec {
  const several = parts.spec.optimizer.accumulateSteps > 1 ? mini : {}
  const scheduled = { learningRate: scalar('float32'), threshold: scalar('float32'), step: scalar('int32') }
  return { inputs: { rows: rowsOf(batch), ...scheduled, ...several }, step: makeTrainStep(parts), xla }
}

/** A mini-batch of `batch` rows that is not the last of its update. Inputs: `rows`, `share`, `draw`. */
export function accumulateSignature(parts: StepParts, batch: number): SignatureSpec {
  return { inputs: { rows: rowsOf(batch), ...mini }, step: makeAccumulateStep(parts) }
}

/** The evaluation of batches of `batch` rows. Input: `rows`. Outputs: a sum over the batch for the loss and for each metric. */
export function evaluationSignature(parts: StepParts, batch: number, withPredictions: boolean): SignatureSpec {
  return { inputs: { rows: rowsOf(batch) }, step: makeEvaluationStep(parts, withPredictions) }
}

function metricSums({ spec }: StepParts, { outputs, labels }: { outputs: Tensor; labels: Tensor }): Tensors {
  const names = spec.metrics.filter(isBatchMetric)
  return Object.fromEntries(names.map((name) => [name, makeMetric(name, spec.loss)(outputs, labels)]))
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
