import type { Layer, LayerOf } from '../../contracts/model.js'
import type { Named } from '../../planning/layers/connect.js'
import type { LayerDescription } from '../../planning/shapes.js'
import { tf } from '../engine/tensorflow.js'
import type { Apply, Build } from './layer.js'
import { reshaped } from './linear.js'

type BuildAny = (layer: Named, description: LayerDescription) => Apply

/** The inner layer on every step: [batch, time, …] is taken as [batch · time, …]. `build` makes the inner layer. */
export function timeDistributed(build: BuildAny): Build<LayerOf<'time-distributed'>> {
  return ({ name, layer: inner }, description) => {
    const { inputShapes, outputShape } = description
    const layer: Layer = inner
    const apply = build(
      { ...layer, name },
      {
        ...description,
        type: inner.type,
        inputShapes: [inputShapes[0].slice(1)],
        outputShape: outputShape.slice(1),
      },
    )
    return (weights, [x], training) =>
      reshaped(apply(weights, [tf.reshape(x, [-1, ...x.shape.slice(2)])], training), outputShape, x.shape[0])
  }
}
