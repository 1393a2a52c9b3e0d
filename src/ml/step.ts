import type { Tensor } from '@tensorflow/tfjs-core'
import { isBatchMetric } from '../contracts/metric-name.js'
import { accumulate, accumulatedState } from './accumulation.js'
import { gatherBatch } from './data.js'
import { select } from './engine/select.js'
import { tf } from './engine/tensorflow.js'
import type { InputSpec, SignatureSpec, StepFunction, Tensors } from './engine/types.js'
import { makeLoss } from './losses/make-loss.js'
import { decide, makeMetric } from './metrics/make-metric.js'
import { updateEma } from './optimizers/ema.js'
import { addL2 } from './optimizers/l2.js'
import { makeOptimizer } from './optimizers/make-optimizer.js'
import { tensorAt } from './optimizers/optimizer.js'
import { decayWeights } from './optimizers/weight-decay.js'
import { finalWeights, maskOf, movementOf, type StepParts, shaped, slotsOf } from './state.js'
import { unitAxesOf } from './transforms/adaptive.js'
import { exact } from './transforms/arithmetic.js'
import { makeClipping } from './transforms/clipping.js'
import { quickFigures } from './transforms/figures.js'
import { zeroNonFinite } from './transforms/non-finite.js'
import { makeQuick } from './transforms/quick.js'

/** How an update is computed. */
export interface UpdateForm {
  /** By XLA; default false. */
  readonly xla?: boolean
  /**
   * With the arithmetic of `makeQuick`: an update for whose gradients that does not hold is refused, and its `gradientNorm` is NaN. What clipping
   * tells is only `quickFigures`. Default false.
   */
  readonly quick?: boolean
}

/**
 * One update on the examples of `rows` [batch]: gradients → those of the mini-batches before → masks of pruned kernels → non-finite policy → clipping → L2
 * → weight decay → optimizer → masks again, on weights and on slots (a slot that is left to decay turns into denormal numbers, which double the
 * time of a step) → averages.
 * An update is refused, and the state stays as it was, if the loss or a gradient of one of its mini-batches is NaN or infinite, if a moving statistic would
 * be, or if the square of the norm after clipping is no float32: optimizers keep such squares. Under policy `zero` only the last of these refuses the weights.
 * Outputs: `loss` (mean over the batch), a sum over it for each metric, `accepted` (1, or 0 if anything was refused), and what clipping tells (`infoOf`
 * in transforms/report.ts).
 */
function makeTrainStep(parts: StepParts, { xla = false, quick = false }: UpdateForm): StepFunction {
  const { spec, model, pruned } = parts
  const { optimizer: options } = spec
  const optimizer = makeOptimizer(options)
  const paramShapes = shaped(model.parameters)
  const clipping = makeClipping(spec.clipping, paramShapes, quick ? makeQuick(xla) : exact, unitAxesOf(model.layers))
  const paramNames = Object.keys(model.parameters)
  const slotNames = Object.keys(optimizer.slotShapes(paramShapes))
  const clipNames = Object.keys(clipping.stateShapes(paramShapes))

  return ({ state, inputs }) => {
    const params = pick(state, paramNames)
    const learningRate = tensorAt(inputs, 'learningRate')
    const { batch, loss, grads } = accumulate(parts, state, inputs)
    const whole = maskAll(grads, state, pruned, (name) => [name])
    const cleaned = spec.clipping.onNonFinite === 'zero' ? zeroNonFinite(whole) : { grads: whole, info: {} }
    const threshold = tensorAt(inputs, 'threshold')
    const clipped = clipping.update(cleaned.grads, pick(state, clipNames), { params, threshold })
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
    const movement = moved(parts, state, cleaned.grads)
    const next = { ...masked, ...averages, ...clipped.state, ...movement }
    const gradientNorm = tensorAt(clipped.info, 'gradientNorm')
    // A norm that quick arithmetic holds for is far from the largest float32, and clipping makes it no larger.
    const isBounded = areFinite([quick ? gradientNorm : tf.square(tensorAt(clipped.info, 'gradientNormAfter'))])
    const witnesses = [loss, gradientNorm, ...Object.values(batch.moments)]
    const isAccepted = tf.logicalAnd(isBounded, areFinite(witnesses))
    const isZeroing = spec.clipping.onNonFinite === 'zero'
    return {
      state: {
        ...keepUnless(isZeroing ? isBounded : isAccepted, next, state),
        ...keepUnless(isAccepted, batch.moments, state),
      },
      outputs: {
        ...{ loss: batch.loss, ...metricSums(parts, batch), accepted: tf.cast(isAccepted, 'float32') },
        ...(quick ? pick(clipped.info, quickFigures(spec.clipping)) : clipped.info),
        ...cleaned.info,
      },
    }
  }
}

/** A mini-batch that is not the last of its update: changes what they add up to, and nothing else. Outputs: `loss` and metrics as those of an update. */
function makeAccumulateStep(parts: StepParts): StepFunction {
  return ({ state, inputs }) => {
    const accumulated = accumulate(parts, state, inputs)
    const { batch } = accumulated
    return { state: accumulatedState(accumulated), outputs: { loss: batch.loss, ...metricSums(parts, batch) } }
  }
}

/** What an evaluation gives besides sums: `predictions` as of the loss, float32 [batch, outputs]; `decided`, the class of each row, int32 [batch]. */
export interface EvaluationOutputs {
  readonly predictions: boolean
  readonly decided: boolean
}

/** The sums that criterion `movement` ranks by; what is removed is 0, and so adds nothing. */
function moved({ spec, pruned }: StepParts, state: Tensors, grads: Tensors): Tensors {
  if (spec.pruning?.criterion !== 'movement') return {}
  return Object.fromEntries(
    pruned.map((name) => {
      const sum = tensorAt(state, movementOf(name))
      return [movementOf(name), tf.sub(sum, tf.mul(tensorAt(state, name), tensorAt(grads, name)))]
    }),
  )
}

/** On the examples of `rows`: sums of the loss and of each metric over the batch, and what is asked for besides. Changes nothing. */
function makeEvaluationStep(parts: StepParts, asked: EvaluationOutputs): StepFunction {
  const { spec, model } = parts
  const loss = makeLoss(spec.loss, spec.lossOptions)
  return ({ state, inputs }) => {
    const { features, labels } = gatherBatch(state, tensorAt(inputs, 'rows'))
    const outputs = model.apply(finalWeights(parts, state), features)
    return {
      outputs: {
        loss: tf.sum(loss.perExample(outputs, labels)),
        ...metricSums(parts, { outputs, labels }),
        ...(asked.predictions ? { predictions: loss.predictions(outputs) } : {}),
        ...(asked.decided ? { decided: decide(outputs, spec.loss) } : {}),
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
export function trainSignature(parts: StepParts, batch: number, form: UpdateForm = {}): SignatureSpec {
  const several = parts.spec.optimizer.accumulateSteps > 1 ? mini : {}
  const scheduled = { learningRate: scalar('float32'), threshold: scalar('float32'), step: scalar('int32') }
  return {
    inputs: { rows: rowsOf(batch), ...scheduled, ...several },
    step: makeTrainStep(parts, form),
    xla: form.xla ?? false,
  }
}

/** A mini-batch of `batch` rows that is not the last of its update. Inputs: `rows`, `share`, `draw`. */
export function accumulateSignature(parts: StepParts, batch: number): SignatureSpec {
  return { inputs: { rows: rowsOf(batch), ...mini }, step: makeAccumulateStep(parts) }
}

/** The evaluation of batches of `batch` rows. Input: `rows`. Outputs: a sum over the batch for the loss and for each metric. */
export function evaluationSignature(parts: StepParts, batch: number, asked: EvaluationOutputs): SignatureSpec {
  return { inputs: { rows: rowsOf(batch) }, step: makeEvaluationStep(parts, asked) }
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

/** Bool scalar: no element is NaN or infinite. Each tensor by itself: the sum of two large numbers may overflow. */
function areFinite(tensors: readonly Tensor[]): Tensor {
  return tensors
    .map((tensor) => (tensor.rank === 0 ? tf.isFinite(tensor) : tf.all(tf.isFinite(tensor))))
    .reduce((a, b) => tf.logicalAnd(a, b))
}

/** The new state if it is accepted, else the old one. */
function keepUnless(isAccepted: Tensor, next: Tensors, state: Tensors): Tensors {
  return Object.fromEntries(
    Object.entries(next).map(([name, tensor]) => [name, select(isAccepted, tensor, tensorAt(state, name))]),
  )
}

function pick(tensors: Tensors, names: readonly string[]): Tensors {
  return Object.fromEntries(names.map((name) => [name, tensorAt(tensors, name)]))
}
