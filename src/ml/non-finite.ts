import type { Tensor } from '@tensorflow/tfjs-core'
import type { StoredTensors } from '../formats/safetensors.js'
import { gatherBatch } from './data.js'
import { runEagerly } from './engine/eager.js'
import { tf } from './engine/tensorflow.js'
import type { StepFunction } from './engine/types.js'
import { gradients } from './gradients.js'
import { boundOf } from './ledger/remedies.js'
import { tensorAt } from './optimizers/optimizer.js'
import { finalWeights, type StepParts } from './state.js'
import { TrainingFailure } from './training-failure.js'

const MAX_ROWS_NAMED = 20

/** What may keep the numbers of a job finite, as a sentence. */
export function remedyFor({ clipping }: StepParts['spec']): string {
  const bound = boundOf(clipping)
  return bound === null
    ? 'Clip the gradients, or lower the learning rate.'
    : `Lower the learning rate or /clipping/${bound.field}.`
}

/**
 * Runs a mini-batch once more, operation by operation, to find where its numbers stop being finite: layer and rows, in words; null if they
 * all are. `draw` as for `gradients`.
 * @param state The state before the step, data included.
 */
export function locateNonFinite(
  parts: StepParts,
  state: StoredTensors,
  { rows, draw }: { readonly rows: Int32Array; readonly draw: number },
): string | null {
  const where = locate(parts, state, { rows, draw: Int32Array.of(draw) }, makeLocator(parts))
  if (where === null) return null
  const named = rows.slice(0, MAX_ROWS_NAMED).join(', ')
  const more = rows.length > MAX_ROWS_NAMED ? ` and ${rows.length - MAX_ROWS_NAMED} more` : ''
  return `${where}; rows of the batch: ${named}${more}`
}

/**
 * The failure of an evaluation whose loss over `batch` is not finite, found as `locateNonFinite` does it.
 * @param at `step`: the last update before the evaluation.
 */
export function evaluationFailure(
  parts: StepParts,
  state: StoredTensors,
  at: { step: number; split: 'validation' | 'test'; batch: Int32Array },
): TrainingFailure {
  const where = locate(parts, state, { rows: at.batch }, makeForwardLocator(parts))
  const detail = `evaluation on the ${at.split} rows after step ${at.step}: ${where}. ${remedyFor(parts.spec)}`
  return new TrainingFailure('DIVERGED', detail, at.step)
}

/** The failure of a run whose state is not finite after `step`; `found` as `locateInState` tells it. */
export function stateFailure({ spec }: StepParts, found: string, step: number): TrainingFailure {
  return new TrainingFailure('DIVERGED', `after step ${step} ${found}. ${remedyFor(spec)}`, step)
}

/** Which part of the state of a run is NaN or infinite, weights before all else, in words; null if all is finite. */
export function locateInState({ model }: StepParts, state: StoredTensors): string | null {
  const isBad = (name: string) => !areFinite(state[name]?.values ?? [])
  for (const { name, weights } of model.layers) {
    const weight = Object.keys(weights).find(isBad)
    if (weight !== undefined) return `weights of layer '${name}' (${weight}) are NaN or infinite`
  }
  const slot = Object.keys(state).find(isBad)
  return slot === undefined ? null : `what is kept besides the weights (${slot}) is NaN or infinite`
}

/** Each number times 0 is 0 if it is finite, else NaN. */
function areFinite(values: ArrayLike<number>): boolean {
  let sum = 0
  for (let index = 0; index < values.length; index++) sum += (values[index] ?? 0) * 0
  return sum === 0
}

/** Runs `step` once, operation by operation, and says where numbers stopped being finite; null: nowhere. */
function locate(
  parts: StepParts,
  state: StoredTensors,
  feeds: { rows: Int32Array; draw?: Int32Array },
  step: StepFunction,
): string | null {
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

/** The same, `gradients`, and `loss`. */
function makeLocator(parts: StepParts): StepFunction {
  const names = Object.keys(parts.model.parameters)
  const forward = makeForwardLocator(parts)
  return (input) => {
    const { outputs } = forward(input)
    const [rows, draw] = [tensorAt(input.inputs, 'rows'), tensorAt(input.inputs, 'draw')]
    const { grads, loss } = gradients(parts, input.state, rows, draw)
    const flags = tf.stack(names.map((name) => flag(tensorAt(grads, name))))
    return { outputs: { ...outputs, gradients: flags, loss: flag(loss) } }
  }
}

function flag(tensor: Tensor): Tensor {
  return tf.sub(1, tf.cast(tf.all(tf.isFinite(tensor)), 'float32'))
}

/** The earliest cause: a weight, else the first layer whose output went bad, else the gradient nearest to the loss. */
function describe({ model }: StepParts, flags: Readonly<Record<string, ArrayLike<number>>>): string | null {
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
  if (flags.loss?.[0] === 0) return null
  return `the loss, computed from layer '${model.layers.at(-1)?.name}', is NaN or infinite`
}
