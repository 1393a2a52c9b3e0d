import type { Layer } from '../../contracts/model.js'
import { batchNormalization, conv, dense, dropout, flatten, output, pool, relu } from './layers.js'
import { type Preset, requireImages } from './preset.js'

const block = (filters: number): Layer[] => [
  conv(filters, 3, { padding: 'same', useBias: false, kernelInitializer: 'he-normal' }),
  batchNormalization,
  relu,
]

/**
 * Twice two 3 × 3 convolutions and a pooling, with 32 and 64 filters, then 128 ReLU, dropout and the outputs.
 * @see Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014.
 */
export const vggSmall: Preset = (data) => {
  requireImages('vgg-small', data)
  return {
    kind: 'layers',
    inputShape: [...data.exampleShape],
    layers: [
      ...block(32),
      ...block(32),
      pool,
      ...block(64),
      ...block(64),
      pool,
      flatten,
      dense(128, 'relu'),
      dropout(0.5),
      output(data.outputs),
    ],
  }
}
