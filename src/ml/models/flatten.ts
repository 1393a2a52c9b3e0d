import type { LayerDescription } from '../../planning/shapes.js'
import { tf } from '../engine/tensorflow.js'
import type { BuiltLayer } from './layer.js'

/** [batch, …] → [batch, product], row-major. */
export function buildFlatten(description: LayerDescription): BuiltLayer {
  return { description, apply: (_, x) => tf.reshape(x, [x.shape[0] ?? 1, ...description.outputShape]) }
}
