import type { Layer, LayerOf, LayerType } from '../../contracts/model.js'
import type { Named } from '../layers/connect.js'
import type { Shape } from '../shape.js'
import type { LayerDescription } from '../shapes.js'

export type PlainType = Exclude<LayerType, 'time-distributed'>
export type PlainLayer = LayerOf<PlainType>

type Shapes = Pick<LayerDescription, 'inputShapes' | 'outputShape'>

/** A layer and its shapes without the wrapper that applies it to each step: for the last axis, time is one more axis of positions. */
export function unwrap(layer: Named, shapes: Shapes): { layer: Named<PlainLayer> } & Shapes {
  const { inputShapes, outputShape } = shapes
  if (layer.type !== 'time-distributed') return { layer, inputShapes, outputShape }
  const inner: Layer & PlainLayer = layer.layer
  const stepOf = (shape: Shape): Shape => shape.slice(1)
  return {
    layer: { ...inner, name: layer.name },
    inputShapes: [stepOf(inputShapes[0])],
    outputShape: stepOf(outputShape),
  }
}
