import { Type } from 'typebox'
import { activationField, Extent, initializerField, strict, useBias, wiring } from './fields.js'

export const DenseLayer = Type.Object(
  {
    type: Type.Literal('dense'),
    ...wiring,
    units: Extent('Outputs'),
    activation: activationField(),
    useBias,
    kernelInitializer: initializerField(),
  },
  { ...strict, description: 'y = activation(x · kernel + bias) over the last axis; kernel [inputs, units]' },
)
export const EmbeddingLayer = Type.Object(
  {
    type: Type.Literal('embedding'),
    ...wiring,
    inputSize: Extent('Ids are 0 … inputSize − 1'),
    outputSize: Extent('Numbers an id becomes'),
    embeddingsInitializer: initializerField({ kind: 'uniform', limit: 0.05 }),
  },
  { ...strict, description: 'Row of embeddings [inputSize, outputSize] for each integer id; only as the first layer' },
)
