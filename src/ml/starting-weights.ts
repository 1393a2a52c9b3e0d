import type { StoredTensors } from '../formats/safetensors.js'
import type { Model } from './models/model.js'
import { TrainingFailure } from './training-failure.js'

/**
 * The parameters and moving statistics of a model, of what a file holds.
 * @throws TrainingFailure MODEL_INVALID unless it holds exactly these, of these shapes, float32 and finite
 */
export function startingWeights(model: Pick<Model, 'parameters' | 'moments'>, stored: StoredTensors): StoredTensors {
  const expected = { ...model.parameters, ...model.moments }
  const unknown = Object.keys(stored).filter((name) => !Object.hasOwn(expected, name))
  if (unknown.length > 0) throw invalid(`no layer of the model has: ${unknown.slice(0, 5).join(', ')}`)
  const entries = Object.entries(expected).map(([name, shape]) => {
    const tensor = Object.hasOwn(stored, name) ? stored[name] : undefined
    if (!tensor) throw invalid(`${name} is missing`)
    if (tensor.type !== 'float32' || tensor.shape.join() !== shape.join())
      throw invalid(`${name} is ${tensor.type} [${tensor.shape}], and the model has float32 [${shape}]`)
    const broken = tensor.values.findIndex((value) => !Number.isFinite(value))
    if (broken >= 0) throw invalid(`${name}, element ${broken} in row-major order, is ${tensor.values[broken]}`)
    return [name, tensor] as const
  })
  return Object.fromEntries(entries)
}

function invalid(reason: string): TrainingFailure {
  return new TrainingFailure('MODEL_INVALID', `the weights of the model to start from cannot be used: ${reason}`, null)
}
