import type { StoredTensors } from '../formats/safetensors.js'
import { gatherBatch } from './data.js'
import { runEagerly } from './engine/eager.js'
import { tf } from './engine/tensorflow.js'
import type { StepFunction } from './engine/types.js'
import { tensorAt } from './optimizers/optimizer.js'
import { gradients, type StepParts } from './step.js'
import { TrainingFailure } from './training-failure.js'

const MAX_ROWS_NAMED = 20

/**
 * Runs the batch once more, operation by operation, to find where the numbers stop being finite.
 * @param state The state before the step, data included.
 * @returns The failure to throw; its message names step, layer and rows.
 */
export function nonFiniteFailure(
  parts: StepParts,
  state: StoredTensors,
  step: number,
  rows: Int32Array,
): TrainingFailure {
  const inputs = { rows: { shape: [rows.length], dtype: 'int32' } } as const
  const session = runEagerly(state, { locate: { inputs, step: makeLocator(parts) } })
  try {
    const where = describe(parts, session.run('locate', { rows }))
    const named = rows.slice(0, MAX_ROWS_NAMED).join(', ')
    const more = rows.length > MAX_ROWS_NAMED ? ` and ${rows.length - MAX_ROWS_NAMED} more` : ''
    return new TrainingFailure(
      'NON_FINITE_GRADIENT',
      `step ${step}: ${where}; rows of the batch: ${named}${more}. Clip the gradients, or lower the learning rate.`,
      step,
    )
  } finally {
    session.close()
  }
}

/** `weights`, `outputs`, `gradients`: 1 for each tensor, in the order of the model, that holds NaN or infinity. */
function makeLocator(parts: StepParts): StepFunction {
  const { model } = parts
  const names = Object.keys(model.parameters)
  const flag = (tensor: Parameters<typeof tf.isFinite>[0]) => tf.sub(1, tf.cast(tf.all(tf.isFinite(tensor)), 'float32'))
  return ({ state, inputs }) => {
    const rows = tensorAt(inputs, 'rows')
    const { features } = gatherBatch(state, rows)
    const { grads } = gradients(parts, state, rows)
    return {
      outputs: {
        weights: tf.stack(names.map((name) => flag(tensorAt(state, name)))),
        outputs: tf.stack(model.trace(state, features).map(flag)),
        gradients: tf.stack(names.map((name) => flag(tensorAt(grads, name)))),
      },
    }
  }
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
