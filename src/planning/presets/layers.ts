import type { ActivationName } from '../../contracts/layers/fields.js'
import type { Layer, LayerOf } from '../../contracts/model.js'

const affine = { useBias: true, kernelInitializer: 'glorot-uniform' } as const

export const dense = (units: number, activation: ActivationName = 'linear', name?: string): Layer => ({
  type: 'dense',
  ...(name === undefined ? {} : { name }),
  units,
  activation,
  ...affine,
})

/** The last layer of every preset; it gives logits, or the numbers that are predicted. */
export const output = (units: number): Layer => dense(units, 'linear', 'output')

/** A convolution of square windows over images. */
export const conv = (
  filters: number,
  kernelSize: number,
  fields: Partial<Omit<LayerOf<'conv2d'>, 'type'>> = {},
): LayerOf<'conv2d'> => ({
  type: 'conv2d',
  filters,
  kernelSize,
  strides: 1,
  padding: 'valid',
  dilation: 1,
  groups: 1,
  activation: 'linear',
  ...affine,
  ...fields,
})

export const relu: LayerOf<'activation'> = { type: 'activation', activation: 'relu' }
export const pool: Layer = { type: 'max-pooling2d', poolSize: 2, padding: 'valid' }
export const flatten: Layer = { type: 'flatten' }
export const dropout = (rate: number): Layer => ({ type: 'dropout', rate })

/** With the momentum and epsilon that residual networks are trained with. */
export const batchNormalization: LayerOf<'batch-normalization'> = {
  type: 'batch-normalization',
  momentum: 0.9,
  epsilon: 1e-5,
  center: true,
  scale: true,
}

export const embedding = (inputSize: number): Layer => ({
  type: 'embedding',
  inputSize,
  outputSize: 64,
  embeddingsInitializer: { kind: 'uniform', limit: 0.05 },
})

export const lstm = (units: number, returnSequences: boolean): Layer => ({
  type: 'lstm',
  units,
  activation: 'tanh',
  recurrentActivation: 'sigmoid',
  useBias: true,
  returnSequences,
  goBackwards: false,
  unitForgetBias: true,
  kernelInitializer: 'glorot-uniform',
  recurrentInitializer: 'orthogonal',
})
