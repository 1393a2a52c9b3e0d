import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ACTIVATIONS } from '../../../../src/contracts/layers/fields.js'
import { tf } from '../../../../src/ml/engine/tensorflow.js'
import { ACTIVATION_FUNCTIONS } from '../../../../src/ml/models/activations.js'
import { buildModel } from '../../../../src/ml/models/model.js'
import { activate } from '../../../../src/ml/pruning/compaction/activations.js'
import { evaluateConstants } from '../../../../src/ml/pruning/compaction/constants/constants.js'
import { reader, versionsOf } from '../../../../src/ml/pruning/compaction/versions.js'
import { analyzeUnits } from '../../../../src/planning/units/units.js'
import { tidily } from '../../tensors.js'
import { graphs } from './graphs.js'
import { examplesFor, masked, modelOf, type Network, randomWeights, stateOf, tensorsOf } from './networks.js'

function constantsOf({ model, state }: Network): number[][] {
  const units = analyzeUnits(model)
  return evaluateConstants(units, reader(units, state, versionsOf(units, state)[0])).map(({ output }) => [...output])
}

describe('activate', () => {
  it.each(ACTIVATIONS.filter((name) => !name.endsWith('softmax')))('is %s of the models', (name) => {
    const x = Float32Array.from({ length: 401 }, (_, index) => (index - 200) / 20)
    const expected = tidily(() => ACTIVATION_FUNCTIONS[name](tf.tensor1d(x)).dataSync())
    const actual = Array.from(x, (value) => activate(name, value))
    // Against the size of the value or of what it is made of: TensorFlow computes 1 + erf(x) and the like in float32.
    actual.forEach((value, index) => {
      const scale = Math.max(Math.abs(value), name === 'gelu' ? Math.abs(x[index] ?? 0) : 1e-3)
      expect(Math.abs(value - (expected[index] ?? Number.NaN)), `at ${x[index]}`).toBeLessThanOrEqual(1e-6 * scale)
    })
  })

  it.each(['softmax', 'log-softmax'] as const)('does not tell %s from one number', (name) => {
    expect(activate(name, 1)).toBeNaN()
  })
})

describe('evaluateConstants', () => {
  it('finds only numbers that the network has at every position of every example', () => {
    let found = 0
    fc.assert(
      fc.property(graphs(), fc.nat(1e6), ({ model, isIds }, seed) => {
        const state = masked(model, randomWeights(model, seed), {
          seed,
          kernels: 0.5,
          vectors: 0.2,
          silenced: 0.4,
          unheard: 0,
        })
        const traced = tidily(() => {
          const x = tf.tensor(examplesFor(model, isIds), [4, ...model.inputShape])
          const outputs = buildModel(model, 'mean-squared-error').trace(tensorsOf(state), x)
          return outputs.map((output) => output.dataSync())
        })
        constantsOf({ model, state }).forEach((constants, layer) => {
          const wrong = [...(traced[layer] ?? [])].filter((value, index) => {
            const constant = constants[index % constants.length] ?? Number.NaN
            if (!Number.isNaN(constant)) found++
            return Math.abs(value - constant) > 1e-5 * Math.max(1, Math.abs(constant))
          })
          expect(wrong, model.layers[layer]?.type).toEqual([])
        })
      }),
      { numRuns: 100 },
    )
    expect(found).toBeGreaterThan(0)
  })

  const last = { type: 'dense', units: 1 }
  const rnn = (type: string, fields: Record<string, unknown> = {}) =>
    modelOf([3, 1], { type, name: 'r', units: 2, ...fields })

  it('finds LSTM units that nothing enters, whatever their gates do', () => {
    const kernel = [0, 9, 0, 9, 0, 9, 0, 9]
    // Gates i, f, c, o of units 0 and 1: unit 0 has a candidate of tanh(0) = 0, and an output gate that varies.
    const model = rnn('lstm')
    const state = stateOf(model, {
      'r/kernel': [1, 9, 1, 9, 0, 9, 1, 9],
      'r/recurrent-kernel': Array(16).fill(0),
      'r/bias': Array(8).fill(0),
    })
    expect(constantsOf({ model, state })[0]).toEqual([0, Number.NaN])
    // hard-sigmoid(−3) = 0 closes the input gate; then the output is o · sigmoid(0) = hard-sigmoid(3) / 2.
    const closed = rnn('lstm', { activation: 'sigmoid', recurrentActivation: 'hard-sigmoid' })
    const bias = [-3, 0, 0, 0, 1, 0, 3, 0]
    const shut = stateOf(closed, { 'r/kernel': kernel, 'r/recurrent-kernel': Array(16).fill(0), 'r/bias': bias })
    expect(constantsOf({ model: closed, state: shut })[0]).toEqual([0.5, Number.NaN])
  })

  it('finds GRU units whose candidate is 0, which with resetAfter a reset gate that varies may spoil', () => {
    const model = rnn('gru', { units: 1, activation: 'relu', recurrentActivation: 'hard-sigmoid' })
    const gru = (reset: number, biases: number[]) =>
      constantsOf({
        model,
        state: stateOf(model, { 'r/kernel': [1, reset, 0], 'r/recurrent-kernel': [1, 0, 0], 'r/bias': biases }),
      })[0]
    // Biases z, r, h of the input, then of the recurrent product. relu(−1 + r · 4): r varies.
    expect(gru(1, [0, 0, -1, 0, 0, 4])).toEqual([Number.NaN])
    // r = hard-sigmoid(1 − 4) = 0.
    expect(gru(0, [0, 1, -1, 0, -4, 4])).toEqual([0])
    // r = hard-sigmoid(1) = 4/6, so that the candidate is relu(−1 + 4 · 4/6) > 0, and the state moves towards it.
    expect(gru(0, [0, 1, -1, 0, 0, 4])).toEqual([Number.NaN])
    expect(gru(1, [0, 0, -1, 0, 0, 0])).toEqual([0])
  })

  it('finds units that are 0 because they only listen to each other', () => {
    const model = rnn('simple-rnn', { units: 3 })
    // Units 0 and 1 feed each other; unit 2 takes the features and unit 1 takes from it in the second case.
    const rnnOf = (fromThird: number) =>
      constantsOf({
        model,
        state: stateOf(model, {
          'r/kernel': [0, 0, 1],
          'r/recurrent-kernel': [0, 1, 0, 1, 0, 0, 0, fromThird, 0],
          'r/bias': [0, 0, 0],
        }),
      })[0]
    expect(rnnOf(0)).toEqual([0, 0, Number.NaN])
    expect(rnnOf(1)).toEqual([Number.NaN, Number.NaN, Number.NaN])
  })

  it('does not take for constant what begins with 0 and then is another number', () => {
    const model = rnn('simple-rnn')
    // Unit 0 is tanh(1) at every step, but its state was 0 before the first: unit 1 changes after that.
    const state = stateOf(model, { 'r/kernel': [0, 0], 'r/recurrent-kernel': [0, 1, 0, 0], 'r/bias': [1, 0] })
    expect(constantsOf({ model, state })[0]).toEqual([Math.fround(Math.tanh(1)), Number.NaN])
  })

  it('takes a number near the threshold of a relu for varying, since it jumps there', () => {
    const model = modelOf([1], { type: 'dense', name: 'd', units: 3 }, { type: 'relu', threshold: 0.5 }, last)
    const state = stateOf(model, {
      'd/kernel': [0, 0, 0],
      'd/bias': [0.5, 0.4, 0.6],
      'dense-2/kernel': [1, 1, 1],
      'dense-2/bias': [0],
    })
    expect(constantsOf({ model, state })[1]).toEqual([Number.NaN, -0, Math.fround(0.6)])
  })

  it('takes a number that overflows for varying', () => {
    const model = modelOf([1], { type: 'dense', name: 'd', units: 1, activation: 'exponential' }, last)
    const state = stateOf(model, { 'd/kernel': [0], 'd/bias': [100], 'dense-2/kernel': [1], 'dense-2/bias': [0] })
    expect(constantsOf({ model, state })[0]).toEqual([Number.NaN])
  })
})
