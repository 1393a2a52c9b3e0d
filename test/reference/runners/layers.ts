import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import { ACTIVATIONS, LayersModel } from '../../../src/contracts/model.js'
import { parse } from '../../../src/contracts/parse.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import { buildModel, type Model } from '../../../src/ml/models/model.js'
import { expectTensorClose, toleranceOf } from '../compare.js'
import { asRecord, asTensor, asTensors, asText, type Json } from '../json.js'
import { type CaseRunner, passed, unsupported } from '../outcome.js'
import { toTensor } from '../tensors.js'

/** Forward pass, and gradients of Σ output · r by the input and by each weight. */
export const runLayers: CaseRunner = ({ input, params, expected, tolerance }) => {
  const className = asText(params.class_name)
  const inputs = asTensors(input.inputs)
  const [x] = inputs
  const layer = layerOf(className, asRecord(params.config), x?.shape.length ?? 0)
  if (typeof layer === 'string') return unsupported(layer)
  if (x === undefined || inputs.length !== 1) return unsupported(`${className} with ${inputs.length} inputs`)
  const model = modelOf(layer, x.shape.slice(1))
  const r = toTensor(asTensor(input.r))
  const close = toleranceOf(tolerance)
  const names = Object.keys(model.parameters)
  const weights = asTensors(input.weights).map((tensor) => toTensor(tensor))

  const apply = (given: Tensor, ...values: Tensor[]) =>
    model.apply(Object.fromEntries(names.map((name, i) => [name, values[i] ?? tf.scalar(Number.NaN)])), given)
  expectTensorClose(apply(toTensor(x), ...weights), asTensor(expected.output), close, 'output')
  const gradients = tf.grads((...all: Tensor[]): Scalar => {
    const [given = r, ...values] = all
    return tf.sum(tf.mul(apply(given, ...values), r))
  })([toTensor(x), ...weights])
  const wanted = [...asTensors(expected.input_grads), ...asTensors(expected.weight_grads)]
  wanted.forEach((tensor, i) => {
    expectTensorClose(gradients[i] ?? r, tensor, close, i === 0 ? 'input gradient' : `gradient of ${names[i - 1]}`)
  })
  return passed
}

/** A model whose output is that of its last layer: under mean squared error no softmax is left out. */
function modelOf(layer: Json, inputShape: readonly number[]): Model {
  const parsed = parse(LayersModel, { kind: 'layers', inputShape, layers: [layer] })
  if (!parsed.ok) throw new Error(`the contract refuses the model: ${JSON.stringify(parsed.errors)}`)
  return buildModel(parsed.value, 'mean-squared-error')
}

/** The layer of a Keras configuration in Espalier's form, or what Espalier lacks. */
function layerOf(className: string, config: Json, rank: number): Json | string {
  const activation = asText(config.activation ?? 'linear')
  if (!ACTIVATIONS.some((name) => name === activation)) return `${className} with activation ${activation}`
  const common = { activation, useBias: config.use_bias !== false }
  switch (className) {
    case 'Dense':
      return rank === 2 ? { type: 'dense', units: config.units, ...common } : `Dense on inputs of rank ${rank}`
    case 'Conv2D': {
      const other = ['dilation_rate', 'groups'].find((key) => [config[key]].flat().some((value) => value !== 1))
      if (other !== undefined) return `Conv2D with ${other}`
      const { filters, kernel_size: kernelSize, strides, padding } = config
      return { type: 'conv2d', filters, kernelSize, strides, padding, ...common }
    }
    case 'MaxPooling2D':
      return { type: 'max-pooling2d', poolSize: config.pool_size, strides: config.strides, padding: config.padding }
    case 'AveragePooling2D':
      return { type: 'average-pooling2d', poolSize: config.pool_size, strides: config.strides, padding: config.padding }
    case 'Flatten':
      return { type: 'flatten' }
    case 'Activation':
      return { type: 'activation', activation }
    case 'Softmax':
      return config.axis === -1 ? { type: 'activation', activation: 'softmax' } : 'Softmax over another axis'
    default:
      return className
  }
}
