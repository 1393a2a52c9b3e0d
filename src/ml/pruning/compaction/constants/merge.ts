import type { LayerOf } from '../../../../contracts/model.js'
import { type Constants, channelsOf, type LayerValues } from '../values.js'
import type { Emit } from './emit.js'

/** 0 if a factor is 0, whether or not the other is known. */
export const product = (one: number, other: number): number => (one === 0 || other === 0 ? 0 : one * other)

const sum = (one: number, other: number): number => one + other

/** Index by index; an input of one channel counts for all. */
const fold =
  (merge: (one: number, other: number) => number) =>
  (_: unknown, { inputs, outputShape }: LayerValues): Constants => {
    const at = (x: Constants, channel: number) => x[x.length === 1 ? 0 : channel] ?? Number.NaN
    const [first, ...others] = inputs
    return Float64Array.from({ length: channelsOf(outputShape) }, (_, channel) =>
      others.reduce((result, other) => merge(result, at(other, channel)), at(first, channel)),
    )
  }

export const add: Emit<LayerOf<'add'>> = fold(sum)
export const subtract: Emit<LayerOf<'subtract'>> = fold((one, other) => one - other)
export const multiply: Emit<LayerOf<'multiply'>> = fold(product)
export const maximum: Emit<LayerOf<'maximum'>> = fold(Math.max)
export const minimum: Emit<LayerOf<'minimum'>> = fold(Math.min)
export const average: Emit<LayerOf<'average'>> = (layer, values) =>
  fold(sum)(layer, values).map((total) => total / values.inputs.length)

/** Along the last axis side by side; along another one the inputs must agree. */
export const concatenate: Emit<LayerOf<'concatenate'>> = (layer, values) => {
  const { inputs, inputShapes } = values
  if (layer.axis === -1 || layer.axis === inputShapes[0].length)
    return Float64Array.from(inputs.flatMap((constants) => [...constants]))
  return fold((one, other) => (one === other ? one : Number.NaN))(layer, values)
}
