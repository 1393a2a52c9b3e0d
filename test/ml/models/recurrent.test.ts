import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Tensor } from '@tensorflow/tfjs-core'
import { describe, expect, it, vi } from 'vitest'
import type { StoredTensors } from '../../../src/formats/safetensors.js'
import { compile } from '../../../src/ml/engine/compile.js'
import { runEagerly } from '../../../src/ml/engine/eager.js'
import { GraphBuilder } from '../../../src/ml/engine/graph.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { StepFunction, Tensors } from '../../../src/ml/engine/types.js'
import type { RecurrentOptions, RecurrentWeights } from '../../../src/ml/models/recurrent/cell.js'
import { gru } from '../../../src/ml/models/recurrent/gru.js'
import { lstm } from '../../../src/ml/models/recurrent/lstm.js'
import { simpleRnn } from '../../../src/ml/models/recurrent/simple-rnn.js'
import { expectAllClose, toleranceOf } from '../../reference/compare.js'
import { asRecord, asTensor, asTensors, asText, parseFile, type ReferenceTensor } from '../../reference/json.js'
import { at, resources } from '../engine/support.js'

type Layer = (x: Tensor, weights: RecurrentWeights, options: RecurrentOptions) => Tensor

const LAYERS: Readonly<Record<string, Layer>> = {
  SimpleRNN: simpleRnn,
  LSTM: lstm,
  GRU: (x, weights, options) => gru(x, weights, { ...options, resetAfter: false }),
  'GRU reset after': (x, weights, options) => gru(x, weights, { ...options, resetAfter: true }),
}
const GATES: Readonly<Record<string, number>> = { SimpleRNN: 1, LSTM: 4, GRU: 3, 'GRU reset after': 3 }
const WEIGHTS = ['x', 'kernel', 'recurrentKernel', 'bias']

/** Output, and the gradients of Σ output · r by the input and each weight. */
function probe(layer: Layer, options: RecurrentOptions): StepFunction {
  return ({ state }) => {
    const names = WEIGHTS.filter((name) => name in state)
    let output: Tensor | null = null
    const { grads } = tf.valueAndGrads((...tensors: Tensor[]) => {
      const given: Tensors = Object.fromEntries(names.map((name, index) => [name, tensors[index] ?? tf.scalar(0)]))
      const weights = {
        kernel: at(given, 'kernel'),
        recurrentKernel: at(given, 'recurrentKernel'),
        bias: given.bias ?? null,
      }
      output = tf.keep(layer(at(given, 'x'), weights, options))
      return tf.sum(tf.mul(output, at(state, 'r')))
    })(names.map((name) => at(state, name)))
    if (!output) throw new Error('no output')
    const kept: Tensor = output
    const outputs = {
      output: tf.clone(kept),
      ...Object.fromEntries(names.map((name, i) => [`gradient_${name}`, grads[i] ?? tf.scalar(0)])),
    }
    kept.dispose()
    return { outputs }
  }
}

function stored({ shape, data }: ReferenceTensor) {
  return { type: 'float32' as const, shape: [...shape], values: Float32Array.from(data) }
}

function runWith(make: typeof compile, state: StoredTensors, step: StepFunction) {
  const session = make(state, { probe: { inputs: {}, step } })
  try {
    return session.run('probe', {})
  } finally {
    session.close()
  }
}

const text = readFileSync(path.join(import.meta.dirname, '../../reference/layers.json'), 'utf8')
const cases = parseFile(text).cases.filter(({ name }) => /^(SimpleRNN|LSTM|GRU)\//.test(name))

describe('against Keras 3', () => {
  it.each(cases.map((each) => [each.name, each] as const))('%s', (_, { input, params, expected, tolerance }) => {
    const config = asRecord(params.config)
    const [kernel, recurrentKernel, bias] = asTensors(asRecord(input).weights).map(stored)
    const [x] = asTensors(input.inputs).map(stored)
    if (!kernel || !recurrentKernel || !x) throw new Error('incomplete case')
    const state = { x, kernel, recurrentKernel, ...(bias ? { bias } : {}), r: stored(asTensor(input.r)) }
    const options: RecurrentOptions = {
      returnSequences: config.return_sequences === true,
      goBackwards: config.go_backwards === true,
      ...(config.activation === 'softsign' ? { activation: (t: Tensor) => tf.div(t, tf.add(tf.abs(t), 1)) } : {}),
    }
    const layer = LAYERS[asText(params.class_name)]
    if (!layer) throw new Error('no such layer')
    const gradients = [...asTensors(expected.input_grads), ...asTensors(expected.weight_grads)]
    for (const make of [runEagerly, compile]) {
      const outputs = runWith(make, state, probe(layer, options))
      expectAllClose(outputs.output ?? [], asTensor(expected.output).data, toleranceOf(tolerance), 'output')
      WEIGHTS.slice(0, gradients.length).forEach((name, index) => {
        expectAllClose(outputs[`gradient_${name}`] ?? [], gradients[index]?.data ?? [], toleranceOf(tolerance), name)
      })
    }
  })
})

describe.each(Object.entries(LAYERS))('%s', (name, layer) => {
  const options = { returnSequences: false, goBackwards: false }

  /** tanh and sigmoid, but not by the hand-written gradient. */
  const stepwise = { activation: (t: Tensor) => tf.tanh(t), recurrentActivation: (t: Tensor) => tf.sigmoid(t) }

  it.each([
    { batch: 3, length: 5, returnSequences: false, goBackwards: false, hasBias: true },
    { batch: 19, length: 4, returnSequences: true, goBackwards: true, hasBias: true },
    { batch: 32, length: 6, returnSequences: true, goBackwards: false, hasBias: false },
    { batch: 249, length: 3, returnSequences: true, goBackwards: false, hasBias: true },
    { batch: 17, length: 101, returnSequences: false, goBackwards: true, hasBias: true },
    { batch: 2, length: 103, returnSequences: true, goBackwards: false, hasBias: true },
    { batch: 32, length: 300, returnSequences: false, goBackwards: false, hasBias: false },
  ])('has the gradient of automatic differentiation: $batch examples of $length steps', (shape) => {
    const { returnSequences, goBackwards } = shape
    const state = exampleOf(name, shape)
    const reference = runWith(runEagerly, state, probe(layer, { returnSequences, goBackwards, ...stepwise }))
    for (const make of [runEagerly, compile]) {
      const outputs = runWith(make, state, probe(layer, { returnSequences, goBackwards }))
      expect(Object.keys(outputs)).toEqual(Object.keys(reference))
      for (const [key, values] of Object.entries(outputs))
        expectAllClose(values, reference[key] ?? [], { abs: 2e-5, rel: 1e-4 }, key)
    }
  })

  it('takes a graph of constant size for long sequences', () => {
    const sizes = [101, 400].map((length) => {
      const state = exampleOf(name, { batch: 32, length, returnSequences: false, hasBias: true })
      const node = vi.spyOn(GraphBuilder.prototype, 'node')
      compile(state, { probe: { inputs: {}, step: probe(layer, options) } }).close()
      const size = node.mock.calls.length
      node.mockRestore()
      return size
    })
    expect(sizes[1]).toBe(sizes[0])
  })

  it('leaves no tensor behind', () => {
    const state = exampleOf(name, { batch: 32, length: 110, returnSequences: true, hasBias: true })
    const session = compile(state, {
      probe: { inputs: {}, step: probe(layer, { ...options, returnSequences: true }) },
    })
    session.run('probe', {})
    const before = resources()
    for (let i = 0; i < 20; i++) session.run('probe', {})
    expect(resources()).toEqual(before)
    session.close()
  })
})

interface Example {
  readonly batch: number
  readonly length: number
  readonly returnSequences: boolean
  readonly hasBias: boolean
}

/** 3 features, 4 units, seeded values. */
function exampleOf(name: string, { batch, length, returnSequences, hasBias }: Example): StoredTensors {
  let seed = 7
  const uniform = (shape: number[], limit: number) => ({
    type: 'float32' as const,
    shape,
    values: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
      return (seed / 2 ** 31 - 1) * limit
    }),
  })
  const width = 4 * (GATES[name] ?? 1)
  return {
    x: uniform([batch, length, 3], 1),
    kernel: uniform([3, width], 0.5),
    recurrentKernel: uniform([4, width], 0.5),
    ...(hasBias ? { bias: uniform(name === 'GRU reset after' ? [2, width] : [width], 0.3) } : {}),
    r: uniform(returnSequences ? [batch, length, 4] : [batch, 4], 1),
  }
}
