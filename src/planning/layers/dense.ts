import type { LayerOf } from '../../contracts/model.js'
import { extentsOf } from './axes.js'
import { type Connect, INPUT } from './connect.js'
import { affine, trained } from './weights.js'

/** [.., inputs] → [.., units]: over the last axis, whatever comes before it. */
export const dense: Connect<LayerOf<'dense'>> = (layer, [input]) => ({
  outputShape: [...input.slice(0, -1), layer.units],
  weights: affine(layer, [input.at(-1) ?? 1, layer.units]),
})

/** [time] → [time, outputSize]. */
export const embedding: Connect<LayerOf<'embedding'>> = (layer, [input], reject) => {
  if (layer.inputs !== undefined && layer.inputs[0] !== INPUT)
    throw reject(
      `embedding takes the ids of the examples but its input is layer '${layer.inputs[0]}'; set its inputs to ["${INPUT}"]`,
    )
  const [time] = extentsOf(input, ['time'], 'embedding', reject)
  return {
    outputShape: [time, layer.outputSize],
    weights: { embeddings: trained([layer.inputSize, layer.outputSize], layer.embeddingsInitializer) },
  }
}
