import type { LayerOf } from '../../contracts/model.js'
import { type Shape, show } from '../shape.js'
import { placeOf } from './axes.js'
import type { Connect, Reject } from './connect.js'

/** Element by element; an extent of 1 counts for all of the others. */
export const elementMerge: Connect<LayerOf<'add' | 'multiply' | 'average' | 'maximum' | 'minimum'>> = (
  { type },
  inputs,
  reject,
) => {
  atLeastTwo(type, inputs, reject)
  return { outputShape: inputs.reduce((one, other) => broadcast(one, other, type, reject)), weights: {} }
}

/** The first input less the second. */
export const subtract: Connect<LayerOf<'subtract'>> = ({ type }, inputs, reject) => {
  const [one, other] = exactlyTwo(type, inputs, reject)
  return { outputShape: broadcast(one, other, type, reject), weights: {} }
}

/** Shapes that agree but for one axis, along which they are put one behind the other. */
export const concatenate: Connect<LayerOf<'concatenate'>> = (layer, inputs, reject) => {
  atLeastTwo('concatenate', inputs, reject)
  const [first] = inputs
  const place = placeOf(layer.axis, first, reject)
  const fits = (shape: Shape) =>
    shape.length === first.length && shape.every((extent, axis) => axis === place || extent === first[axis])
  const odd = inputs.find((shape) => !fits(shape))
  if (odd)
    throw reject(
      `concatenate on axis ${layer.axis} takes shapes that are equal but for that axis, and its inputs are ${inputs.map(show).join(', ')}; bring ${show(odd)} to the shape of ${show(first)} first`,
    )
  const joined = inputs.reduce((sum, shape) => sum + (shape[place] ?? 0), 0)
  return { outputShape: first.map((extent, axis) => (axis === place ? joined : extent)), weights: {} }
}

/** [n], [n] → [1]. */
export const dot: Connect<LayerOf<'dot'>> = (_, inputs, reject) => {
  const [one, other] = exactlyTwo('dot', inputs, reject)
  if (one.length !== 1 || other.length !== 1 || one[0] !== other[0])
    throw reject(
      `dot takes two vectors of the same length but its inputs are ${show(one)} and ${show(other)}; put flatten or dense layers before it`,
    )
  return { outputShape: [1], weights: {} }
}

function atLeastTwo(type: string, inputs: readonly Shape[], reject: Reject): void {
  if (inputs.length < 2) throw reject(`${type} takes at least two inputs but has one; name them in its inputs`)
}

function exactlyTwo(type: string, inputs: readonly Shape[], reject: Reject): readonly [Shape, Shape] {
  const [one, other] = inputs
  if (one === undefined || other === undefined || inputs.length > 2)
    throw reject(`${type} takes two inputs but has ${inputs.length}; name two in its inputs`)
  return [one, other]
}

function broadcast(one: Shape, other: Shape, type: string, reject: Reject): Shape {
  const fits =
    one.length === other.length &&
    one.every((extent, axis) => extent === other[axis] || extent === 1 || other[axis] === 1)
  if (!fits)
    throw reject(
      `${type} takes inputs of one shape but they are ${show(one)} and ${show(other)}; bring them together, for example by a dense or 1 × 1 conv2d layer on one of them`,
    )
  return one.map((extent, axis) => Math.max(extent, other[axis] ?? 1))
}
