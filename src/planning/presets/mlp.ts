import { dense, flatten, output } from './layers.js'
import { type Preset, unfit } from './preset.js'

/** Flat – 128 ReLU – 64 ReLU – outputs, for tables, images and sequences of numbers. */
export const mlp: Preset = (data) => {
  if (data.vocabulary !== undefined) throw unfit('mlp', 'numbers', data, 'use lstm-classifier or text-cnn')
  return {
    kind: 'layers',
    inputShape: [...data.exampleShape],
    layers: [flatten, dense(128, 'relu'), dense(64, 'relu'), output(data.outputs)],
  }
}
