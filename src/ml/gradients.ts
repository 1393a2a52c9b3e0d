import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import { gatherBatch } from './data.js'
import { tf } from './engine/tensorflow.js'
import type { Tensors } from './engine/types.js'
import { makeLoss } from './losses/make-loss.js'
import { tensorAt } from './optimizers/optimizer.js'
import type { StepParts } from './state.js'

export interface Gradients {
  /** Mean over the batch. */
  readonly loss: Scalar
  /** What the model gave: logits under a cross-entropy. */
  readonly outputs: Tensor
  readonly labels: Tensor
  /** By every weight, before anything is done to them. */
  readonly grads: Tensors
  /** New values of what the layers set without a gradient. */
  readonly moments: Tensors
}

/** Loss on the examples of `rows` [batch] and its gradients. `draw`, int32 scalar: what is dropped follows from it and the seed. */
export function gradients({ spec, model }: StepParts, state: Tensors, rows: Tensor, draw: Tensor): Gradients {
  const { features, labels, weights } = gatherBatch(state, rows)
  const names = Object.keys(model.parameters)
  const still = Object.fromEntries(Object.keys(model.moments).map((name) => [name, tensorAt(state, name)]))
  const { loss: lossOf } = makeLoss(spec.loss, spec.lossOptions)
  // Without keep, tfjs disposes of them together with the other intermediate tensors of the forward pass.
  const kept: Record<string, Tensor> = {}
  const keep = (name: string, tensor: Tensor) => {
    kept[name] = tf.keep(tensor)
    return tensor
  }
  const { value, grads } = tf.valueAndGrads((...values: Tensor[]): Scalar => {
    const params = Object.fromEntries(names.map((name, index) => [name, values[index] ?? tf.scalar(0)]))
    const training = { step: draw, seed: spec.seed, setMoment: keep }
    const outputs = keep(OUTPUTS, model.apply({ ...params, ...still }, features, training))
    return lossOf(outputs, labels, weights)
  })(names.map((name) => tensorAt(state, name)))
  const released = Object.fromEntries(Object.entries(kept).map(([name, tensor]) => [name, release(tensor)]))
  const { [OUTPUTS]: outputs, ...moments } = released
  if (!outputs) throw new Error('the model gave no output')
  const byName = Object.fromEntries(names.map((name, index) => [name, grads[index] ?? tf.scalar(0)]))
  return { loss: value, outputs, labels, grads: byName, moments }
}

/** No layer can be called this. */
const OUTPUTS = '(outputs)'

/** The same values as a tensor that the surrounding scope disposes of. */
function release(kept: Tensor): Tensor {
  const tensor = tf.clone(kept)
  kept.dispose()
  return tensor
}
