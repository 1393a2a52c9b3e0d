import { LayersModel } from '../../../src/contracts/model.js'
import { parse } from '../../../src/contracts/parse.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import { buildModel, type Model } from '../../../src/ml/models/model.js'
import { expandModel } from '../../../src/planning/presets.js'

/** A model of layers as a spec gives them, built for a loss that leaves out no activation. */
export function modelOf(inputShape: number[], ...layers: Record<string, unknown>[]): Model {
  const parsed = parse(LayersModel, { kind: 'layers', inputShape, layers })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  return buildModel(expandModel(parsed.value), 'mean-squared-error')
}

export interface Values {
  readonly shape: readonly number[]
  readonly values: readonly number[]
}

/** The output of a model in use, from the values of its weights by full name. */
export function run(model: Model, weights: Readonly<Record<string, readonly number[]>>, x: Values): Values {
  return tf.tidy(() => {
    const shapes = { ...model.parameters, ...model.moments }
    const tensors = Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => [name, tf.tensor([...(weights[name] ?? [])], [...shape])]),
    )
    const y = model.apply(tensors, tf.tensor([...x.values], [...x.shape]))
    return { shape: y.shape, values: [...y.dataSync()] }
  })
}

/** Small numbers that repeat for a seed. */
export function numbers(count: number, seed = 1): number[] {
  let state = seed
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return state / 2 ** 31
  })
}
