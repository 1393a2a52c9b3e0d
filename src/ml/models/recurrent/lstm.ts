import type { Tensor } from '@tensorflow/tfjs-core'
import { stepMatMul, tanhGradient } from '../../engine/operations.js'
import { tf } from '../../engine/tensorflow.js'
import { type Cell, item, type RecurrentOptions, type RecurrentWeights, withBias, withoutBias } from './cell.js'
import { runCell } from './sequence.js'
import { runStepwise } from './stepwise.js'

/**
 * Long short-term memory: x [batch, time, features] → [batch, time, units] or [batch, units], from states of zeros; gates i, f, c, o as in Keras.
 * i, f, o = σ(x·K + h·U + b), g = tanh(…); c ← f∘c + i∘g; h ← o∘tanh(c).
 * @see Hochreiter, Schmidhuber, "Long short-term memory", 1997; Gers et al., "Learning to forget", 2000.
 */
export function lstm(x: Tensor, weights: RecurrentWeights, options: RecurrentOptions): Tensor {
  if (!options.activation && !options.recurrentActivation) return runCell(x, weights, options, makeLstmCell)
  const { activation = tf.tanh, recurrentActivation = tf.sigmoid } = options
  const { recurrentKernel } = weights
  return runStepwise(x, weights, options, 2, (projected, [h, c]) => {
    if (!h || !c) throw new Error('an LSTM has two states')
    const [i, f, g, o] = gatesOf(tf.add(projected, tf.matMul(h, recurrentKernel)))
    const cell = tf.add(tf.mul(recurrentActivation(f), c), tf.mul(recurrentActivation(i), activation(g)))
    return [tf.mul(recurrentActivation(o), activation(cell)), cell]
  })
}

function gatesOf(all: Tensor): [Tensor, Tensor, Tensor, Tensor] {
  const gates = tf.split(all, 4, 1)
  return [item(gates, 0), item(gates, 1), item(gates, 2), item(gates, 3)]
}

/**
 * σ(x) = ½·tanh(x/2) + ½, so one tanh serves all gates when the columns of i, f and o are halved beforehand: with s = ½ for those and 1 for g,
 * the activation is s·τ + (1 − s) and its derivative s²·(1 − τ²). The s² is put into the weights that the gradient is multiplied by.
 */
function makeLstmCell({ kernel, recurrentKernel, bias }: RecurrentWeights): Cell {
  const [units = 0] = recurrentKernel.shape
  const inputs = (kernel.shape[0] ?? 0) + (bias ? 1 : 0)
  const perGate = (sigmoid: number, tanh: number) =>
    tf.concat([tf.fill([1, 2 * units], sigmoid), tf.fill([1, units], tanh), tf.fill([1, units], sigmoid)], 1)

  return {
    states: 2,
    width: 4 * units,
    forwardConstants(rows) {
      const scale = perGate(0.5, 1)
      return [
        tf.mul(withBias(kernel, bias), scale),
        tf.mul(recurrentKernel, scale),
        // In full size: a broadcast in every step costs more than the memory.
        tf.tile(scale, [rows, 1]),
        tf.tile(perGate(0.5, 0), [rows, 1]),
      ]
    },
    forward([k, u, scale, offset], x, [h, c]) {
      if (!k || !u || !scale || !offset || !h || !c) throw new Error('incomplete step')
      const tau = tf.tanh(tf.add(stepMatMul(h, u), stepMatMul(x, k)))
      const [i, f, g, o] = gatesOf(tf.add(tf.mul(tau, scale), offset))
      const cell = tf.add(tf.mul(f, c), tf.mul(i, g))
      const squashed = tf.tanh(cell)
      return { state: [tf.mul(o, squashed), cell], tape: [tau, i, f, g, o, squashed, h, c] }
    },
    backwardConstants() {
      const slope = perGate(0.25, 1)
      return [tf.transpose(tf.mul(kernel, slope)), tf.transpose(tf.mul(recurrentKernel, slope))]
    },
    backward([kT, uT], [tau, i, f, g, o, squashed, h, c], x, [dh, dc]) {
      if (!kT || !uT || !tau || !i || !f || !g || !o || !squashed || !h || !c || !dh || !dc)
        throw new Error('incomplete step')
      const dCell = tf.add(tanhGradient(squashed, tf.mul(dh, o)), dc)
      const dGates = tf.concat([tf.mul(dCell, g), tf.mul(dCell, c), tf.mul(dCell, i), tf.mul(dh, squashed)], 1)
      const dz = tanhGradient(tau, dGates)
      return {
        gradients: [stepMatMul(dz, uT), tf.mul(dCell, f)],
        dx: [{ dz, weights: kT }],
        terms: [
          { left: x, right: dz },
          { left: h, right: dz },
        ],
      }
    },
    termShapes: () => [
      [inputs, 4 * units],
      [units, 4 * units],
    ],
    finish([dk, du]) {
      if (!dk || !du) throw new Error('incomplete sums')
      const slope = perGate(0.25, 1)
      const [dKernel, dBias] = withoutBias(tf.mul(dk, slope), bias !== null)
      const gradients = [dKernel, tf.mul(du, slope), dBias]
      return gradients.filter((gradient) => gradient !== undefined)
    },
  }
}
