import { sizeOf } from './shape.js'
import type { LayerDescription } from './shapes.js'

/**
 * Multiplications and additions of a layer for one example: every element of a kernel once for each place where it is applied. Biases,
 * normalization, activations and look-ups in embeddings are not counted; Torch-Pruning counts the first three, and pooling.
 */
export function macsOf(layer: LayerDescription): number {
  return Object.entries(layer.weights).reduce(
    (sum, [name, { shape }]) => (name.endsWith('kernel') ? sum + sizeOf(shape) * places(layer) : sum),
    0,
  )
}

/** Of a recurrent layer the steps of time; of a transposed convolution positions of the input; else positions of the output. */
function places({ type, inputShapes: [input], outputShape, weights }: LayerDescription): number {
  if (Object.keys(weights).some((name) => name.endsWith('recurrent-kernel'))) return input[0] ?? 1
  return sizeOf((type === 'conv2d-transpose' ? input : outputShape).slice(0, -1))
}
