import type { Layer } from '../../contracts/model.js'
import { dropout, embedding, lstm, output } from './layers.js'
import { type DataShape, type Preset, requireIds, unfit } from './preset.js'

/** LSTM of 64 units, then the outputs; ids pass an embedding of 64 first. Images are read row by row. */
export const lstmClassifier: Preset = (data) => ({
  kind: 'layers',
  inputShape: sequenceOf(data),
  layers: [
    ...(data.vocabulary === undefined ? [] : [embedding(data.vocabulary)]),
    lstm(64, false),
    output(data.outputs),
  ],
})

function sequenceOf(data: DataShape): number[] {
  if (data.vocabulary !== undefined) return requireIds('lstm-classifier', data).exampleShape
  const [time, width, channels = 1, ...rest] = data.exampleShape
  if (time === undefined || width === undefined || rest.length > 0)
    throw unfit('lstm-classifier', 'sequences [time, features], images or texts', data, 'use the preset mlp')
  return [time, width * channels]
}

/** Embedding of 64, LSTM of 128, and for each step logits over what comes next. @see Graves, "Generating sequences with recurrent neural networks", 2013. */
export const charRnn: Preset = (data) => {
  const { vocabulary, exampleShape } = requireIds('char-rnn', data)
  return {
    kind: 'layers',
    inputShape: exampleShape,
    layers: [embedding(vocabulary), lstm(128, true), output(data.outputs)],
  }
}

const SPANS = [3, 4, 5]

/**
 * Embedding of 64; 64 filters over 3, 4 and 5 words, the largest answer of each; dropout and the outputs.
 * @see Kim, "Convolutional neural networks for sentence classification", 2014, with one embedding that is trained.
 */
export const textCnn: Preset = (data) => {
  const { vocabulary, exampleShape } = requireIds('text-cnn', data)
  return {
    kind: 'layers',
    inputShape: exampleShape,
    layers: [
      { ...embedding(vocabulary), name: 'words' },
      ...SPANS.flatMap(branch),
      { type: 'concatenate', inputs: SPANS.map((span) => `span${span}-max`), axis: -1 },
      dropout(0.5),
      output(data.outputs),
    ],
  }
}

function branch(span: number): Layer[] {
  return [
    {
      type: 'conv1d',
      name: `span${span}-conv`,
      inputs: ['words'],
      filters: 64,
      kernelSize: span,
      strides: 1,
      padding: 'same',
      dilation: 1,
      groups: 1,
      activation: 'relu',
      useBias: true,
      kernelInitializer: 'glorot-uniform',
    },
    { type: 'global-max-pooling', name: `span${span}-max` },
  ]
}
