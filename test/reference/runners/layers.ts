import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import { LayersModel } from '../../../src/contracts/model.js'
import { parse } from '../../../src/contracts/parse.js'
import type { StoredTensor, StoredTensors } from '../../../src/formats/safetensors.js'
import { compile } from '../../../src/ml/engine/compile.js'
import { runEagerly } from '../../../src/ml/engine/eager.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { Outputs, SignatureSpec, StepFunction, Tensors } from '../../../src/ml/engine/types.js'
import type { Apply } from '../../../src/ml/models/layer.js'
import { buildLayer } from '../../../src/ml/models/registry.js'
import type { Named, Weights } from '../../../src/planning/layers/connect.js'
import { connect } from '../../../src/planning/layers/registry.js'
import type { Shape } from '../../../src/planning/shape.js'
import { expectAllClose, expectEqual, toleranceOf } from '../compare.js'
import { asRecord, asTensor, asTensors, asText, type Json, type ReferenceCase, type ReferenceTensor } from '../json.js'
import { type CaseRunner, passed, unsupported } from '../outcome.js'
import { tensorOf } from '../tensors.js'
import { fromKeras } from './keras-layers.js'

/** Forward pass, gradients of Σ output · r by inputs and weights, and moved statistics, each eager and compiled. */
export const runLayers: CaseRunner = (reference) => {
  const className = asText(reference.params.class_name)
  const json = fromKeras(className, asRecord(reference.params.config))
  if (!json) return unsupported(className)
  const scene = makeScene(json, reference)
  const expected = expectedOutputs(scene, reference.expected)
  const close = toleranceOf(reference.tolerance)
  for (const [way, open] of [['eager', runEagerly] as const, ['compiled', compile] as const]) {
    const session = open(scene.state, { case: scene.signature })
    const outputs: Outputs = session.run('case', scene.feeds)
    session.close()
    for (const [name, tensor] of Object.entries(expected))
      expectAllClose(outputs[name] ?? [], tensor.data, close, `${way} ${name}`)
  }
  return passed
}

interface Scene {
  readonly weights: Weights
  readonly outputShape: Shape
  readonly inputs: readonly ReferenceTensor[]
  readonly state: StoredTensors
  readonly signature: SignatureSpec
  readonly feeds: Readonly<Record<string, Float32Array | Int32Array>>
}

function makeScene(json: Json, { input, params }: ReferenceCase): Scene {
  const inputs = asTensors(input.inputs)
  const values = asTensors(input.weights)
  const [firstShape = [], ...otherShapes] = inputs.map(({ shape }) => shape.slice(1))
  const inputShapes = [firstShape, ...otherShapes] as const
  const layer = layerOf(json)
  const { outputShape, weights } = connect(layer, inputShapes, (detail) => {
    throw new Error(detail)
  })
  const { type, name } = layer
  const description = { name, type, inputs: ['input'] as const, inputShapes, outputShape, parameters: 0, weights }
  const state = Object.fromEntries(Object.keys(weights).map((weight, i) => [weight, stored(values[i])]))
  for (const [weight, { shape }] of Object.entries(weights))
    expectEqual(state[weight]?.shape.join() ?? '', shape.join(), `shape of ${weight}`)
  const dtype = type === 'embedding' ? 'int32' : 'float32'
  const named = { ...Object.fromEntries(inputs.map((tensor, i) => [`x${i}`, tensor])), r: asTensor(input.r) }
  const typeOf = (key: string) => (key === 'r' ? 'float32' : dtype)
  const entries = Object.entries(named)
  return {
    weights,
    outputShape,
    inputs,
    state,
    signature: {
      inputs: Object.fromEntries(entries.map(([key, { shape }]) => [key, { shape, dtype: typeOf(key) }])),
      step: differentiate(buildLayer(layer, description), inputs.length, weights, params.training === true),
    },
    feeds: Object.fromEntries(
      entries.map(([key, { data }]) => [
        key,
        typeOf(key) === 'int32' ? Int32Array.from(data) : Float32Array.from(data),
      ]),
    ),
  }
}

/** The layer with all defaults, as a job would have it. */
function layerOf(json: Json): Named {
  const parsed = parse(LayersModel, { kind: 'layers', inputShape: [1], layers: [json] })
  const layer = parsed.ok ? parsed.value.layers[0] : undefined
  if (!layer) throw new Error(`the contract refuses the layer: ${JSON.stringify(parsed)}`)
  return { ...layer, name: 'layer' }
}

function stored(tensor: ReferenceTensor | undefined): StoredTensor {
  if (!tensor) throw new Error('the reference has fewer weights than the layer')
  return { type: 'float32', shape: tensor.shape, values: Float32Array.from(tensor.data) }
}

function differentiate(apply: Apply, count: number, weights: Weights, isTraining: boolean): StepFunction {
  return ({ state, inputs }) => {
    const xs = Array.from({ length: count }, (_, i) => `x${i}`)
    const moments: Record<string, Tensor> = {}
    const training = isTraining
      ? {
          seed: 0,
          step: tf.scalar(0, 'int32'),
          setMoment(name: string, value: Tensor) {
            moments[name.replace('layer/', '')] = tf.keep(value)
          },
        }
      : null
    const run = (values: Tensors): Tensor => {
      const [first, ...others] = xs.map((name) => tensorOf(values, name))
      return apply(values, [first ?? tf.scalar(0), ...others], training)
    }
    const all: Tensors = { ...state, ...inputs }
    const sources = [
      ...xs.filter((name) => tensorOf(inputs, name).dtype === 'float32'),
      ...Object.keys(weights).filter((name) => weights[name]?.trainable),
    ]
    let output: Tensor = tf.scalar(0)
    const loss = (...values: Tensor[]): Scalar => {
      output = tf.keep(run({ ...all, ...Object.fromEntries(sources.map((name, i) => [name, values[i] ?? output])) }))
      return tf.sum(tf.mul(output, tensorOf(inputs, 'r')))
    }
    const gradients = tf.grads(loss)(sources.map((name) => tensorOf(all, name)))
    const named = Object.fromEntries(sources.map((name, i) => [`gradient/${name}`, gradients[i] ?? output]))
    return { outputs: { ...named, ...moments, output } }
  }
}

function expectedOutputs({ weights, inputs, outputShape }: Scene, expected: Json): Record<string, ReferenceTensor> {
  const list = (key: string) => (expected[key] === undefined ? [] : asTensors(expected[key]))
  const output = asTensor(expected.output)
  expectEqual([inputs[0]?.shape[0], ...outputShape].join(), output.shape.join(), 'output: shape')
  const zip = (names: readonly string[], tensors: readonly ReferenceTensor[], prefix: string) => {
    expectEqual(tensors.length === 0 || tensors.length === names.length, true, `number of ${prefix}${names.join()}`)
    return Object.fromEntries(tensors.map((tensor, i) => [`${prefix}${names[i]}`, tensor]))
  }
  const names = (trainable: boolean) => Object.keys(weights).filter((name) => weights[name]?.trainable === trainable)
  return {
    output,
    ...zip(
      inputs.map((_, i) => `x${i}`),
      list('input_grads'),
      'gradient/',
    ),
    ...zip(names(true), list('weight_grads'), 'gradient/'),
    ...zip(names(false), list('updated_non_trainable'), ''),
  }
}
