import type { LayerOf } from '../../contracts/model.js'
import { type Assign, passed } from './assign.js'

/** Element by element: index j of every input goes with index j of the others. */
export const elementMerge: Assign<LayerOf<'add' | 'subtract' | 'multiply' | 'average' | 'maximum' | 'minimum'>> = (
  { name },
  { inputs, outputShape, space },
) => {
  const channels = outputShape.at(-1)
  const [first = inputs[0], ...others] = inputs.filter((units) => units.length === channels)
  for (const units of others) space.couple(first, units)
  for (const units of inputs)
    if (units.length !== channels) space.pin(units, `'${name}' spreads its one channel over those of its other input`)
  return passed(first)
}

/** Units stand side by side along the last axis, and go together along any other. */
export const concatenate: Assign<LayerOf<'concatenate'>> = ({ axis }, { inputs, inputShapes, space }) => {
  const [first, ...others] = inputs
  if (axis === -1 || axis === inputShapes[0].length)
    return passed(Int32Array.from(inputs.flatMap((units) => [...units])))
  for (const units of others) space.couple(first, units)
  return passed(first)
}

/** Σ a · b: both are indexed alike. Its one number is not a unit that could go. */
export const dot: Assign<LayerOf<'dot'>> = (_, { inputs, space }) => {
  const [first, ...others] = inputs
  for (const units of others) space.couple(first, units)
  return { output: space.fresh(1), makesUnits: false, axes: {} }
}
