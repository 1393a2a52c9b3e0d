import type { Tensor } from '@tensorflow/tfjs-core'
import type { StoredTensors } from '../formats/safetensors.js'
import { gatherBatch } from './data.js'
import { runEagerly } from './engine/eager.js'
import { tf } from './engine/tensorflow.js'
import type { Session, StepFunction } from './engine/types.js'
import { gradients } from './gradients.js'
import { tensorAt } from './optimizers/optimizer.js'
import { finalWeights, type StepParts } from './state.js'
import { TrainingFailure } from './training-failure.js'

const MAX_ROWS_NAMED = 20
const ADVICE = 'Clip the gradients, or lower the learning rate.'

/**
 * Runs the batch once more, operation by operation, to find where the numbers stop being finite.
 * @param state The state before the step, data included.
 * @returns The failure to throw; its message names step, layer and rows.
 */
export function nonFiniteFailure(
  parts: StepParts,
  state: StoredTensors,
  at: { readonly step: number; readonly rows: Int32Array; readonly draw: number },
): TrainingFailure {
  const detail = `step ${at.step}: ${locateNonFinite(parts, state, at)}. ${ADVICE}`
  return new TrainingFailure('NON_FINITE_GRADIENT', detail, at.step)
}

/** Where the numbers of a mini-batch stop being finite: layer and rows, in words. `draw` as for `gradients`. */
export function locateNonFinite(
  parts: StepParts,
  state: StoredTensors,
  { rows, draw }: { readonly rows: Int32Array; readonly draw: number },
): string {
  const where = locate(parts, state, { rows, draw: Int32Array.of(draw) }, makeLocator(parts))
  const named = rows.slice(0, MAX_ROWS_NAMED).join(', ')
  const more = rows.length > MAX_ROWS_NAMED ? ` and ${rows.length - MAX_ROWS_NAMED} more` : ''
  return `${where}; rows of the batch: ${named}${more}`
}

/**
 * The failure of an evaluation whose sums over `batch` are not finite, found as `nonFiniteFailure` does it.
 * @param at `step`: the last update before the evaluation.
 */
export function evaluationFailure(
  parts: StepParts,
  state: StoredTensors,
  at: { step: number; split: 'validation' | 'test'; batch: Int32Array },
): TrainingFailure {
  const where = locate(parts, state, { rows: at.batch }, makeForwardLocator(parts))
  const detail = `evaluation on the ${at.split} rows after step ${at.step}: ${where}. ${ADVICE}`
  return new TrainingFailure('DIVERGED', detail, at.step)
}

/** The failure of a run whose weights are not finite after `step`; null if all are. */
export function weightsFailure({ model }: StepParts, session: Session, step: number): TrainingFailure | null {
  for (const { name, weights } of model.layers) {
    for (const [weight, { values }] of Object.entries(session.get(Object.keys(weights)))) {
      if (values.every(Number.isFinite)) continue
      const detail = `step ${step} made weights of layer '${name}' (${weight}) NaN or infinite. ${ADVICE}`
      return new TrainingFailure('DIVERGED', detail, step)
    }
  }
  return null
}

/** Runs `step` once, operation by operation, and says where numbers stopped being finite. */
function locate(
  parts: StepParts,
  state: StoredTensors,
  feeds: { rows: Int32Array; draw?: Int32Array },
  step: StepFunction,
): string {
  const rows = { shape: [feeds.rows.length], dtype: 'int32' } as const
  const inputs = feeds.draw ? { rows, draw: { shape: [], dtype: 'int32' } as const } : { rows }
  const session = runEagerly(state, { locate: { inputs, step } })
  try {
    return describe(
      parts,
      session.run('locate', feeds.draw ? { rows: feeds.rows, draw: feeds.draw } : { rows: feeds.rows }),
    )
  } finally {
    session.close()
  }
}

/** `weights`, `outputs`: 1 for each tensor, in the order of the model, that holds NaN or infinity. */
function makeForwardLocator(parts: StepParts): StepFunction {
  const { spec, model } = parts
  const names = Object.keys(model.parameters)
  return ({ state, inputs }) => {
    const { features } = gatherBatch(state, tensorAt(inputs, 'rows'))
    const { draw } = inputs
    const training = draw ? { step: draw, seed: spec.seed, setMoment: () => {} } : undefined
    const weights = draw ? state : finalWeights(parts, state)
    return {
      outputs: {
        weights: tf.stack(names.map((name) => flag(tensorAt(weights, name)))),
        outputs: tf.stack(model.trace(weights, features, training).map(flag)),
      },
    }
  }
}

/** The same, and `gradients`. */
function makeLocator(parts: StepParts): StepFunction {
  const names = Object.keys(parts.model.parameters)
  const forward = makeForwardLocator(parts)
  return (input) => {
    const { outputs } = forward(input)
    const { grads } = gradients(parts, input.state, tensorAt(input.inputs, 'rows'), tensorAt(input.inputs, 'draw'))
    return { outputs: { ...outputs, gradients: tf.stack(names.map((name) => flag(tensorAt(grads, name)))) } }
  }
}

function flag(tensor: Tensor): Tensor {
  return tf.sub(1, tf.cast(tf.all(tf.isFinite(tensor)), 'float32'))
}

/** The earliest cause: a weight, else the first layer whose output went bad, else the gradient nearest to the loss. */
function describe({ model }: StepParts, flags: Readonly<Record<string, ArrayLike<number>>>): string {
  const names = Object.keys(model.parameters)
  const isBad = (kind: string) => (_: unknown, index: number) => flags[kind]?.[index] === 1
  const weight = names.find(isBad('weights'))
  if (weight !== undefined) return `the weights ${weight} are NaN or infinite`
  const layer = model.layers.find(isBad('outputs'))
  if (layer)
    return `the output of layer '${layer.name}' is NaN or infinite, and so are the gradients that follow from it`
  const gradient = names.findLast(isBad('gradients'))
  if (gradient !== undefined) {
    const owner = model.layers.find(({ weights }) => gradient in weights)
    return `the gradient of layer '${owner?.name}' (${gradient}) is NaN or infinite`
  }
  return `the loss, computed from layer '${model.layers.at(-1)?.name}', is NaN or infinite`
}
