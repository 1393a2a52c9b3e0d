import type { Tensor } from '@tensorflow/tfjs-core'
import { stepMatMul, tanhGradient } from '../../engine/operations.js'
import { tf } from '../../engine/tensorflow.js'
import { type Cell, type RecurrentOptions, type RecurrentWeights, withBias, withoutBias } from './cell.js'
import { runCell } from './sequence.js'
import { runStepwise } from './stepwise.js'

/**
 * Fully connected recurrence: x [batch, time, features] → [batch, time, units] or [batch, units], from a state of zeros: h ← tanh(x·K + h·U + b).
 * @see Elman, "Finding structure in time", 1990.
 */
export function simpleRnn(x: Tensor, weights: RecurrentWeights, options: RecurrentOptions): Tensor {
  const { activation } = options
  if (!activation) return runCell(x, weights, options, makeSimpleCell)
  return runStepwise(x, weights, options, 1, (projected, [h]) => {
    if (!h) throw new Error('a simple RNN has one state')
    return [activation(tf.add(projected, tf.matMul(h, weights.recurrentKernel)))]
  })
}

function makeSimpleCell({ kernel, recurrentKernel, bias }: RecurrentWeights): Cell {
  const [units = 0] = recurrentKernel.shape
  const inputs = (kernel.shape[0] ?? 0) + (bias ? 1 : 0)
  return {
    states: 1,
    width: units,
    forwardConstants: () => [withBias(kernel, bias), recurrentKernel],
    forward([k, u], x, [h]) {
      if (!k || !u || !h) throw new Error('incomplete step')
      const next = tf.tanh(tf.add(stepMatMul(h, u), stepMatMul(x, k)))
      return { state: [next], tape: [next, h] }
    },
    backwardConstants: () => [tf.transpose(kernel), tf.transpose(recurrentKernel)],
    backward([kT, uT], [next, h], x, [dh]) {
      if (!kT || !uT || !next || !h || !dh) throw new Error('incomplete step')
      const dz = tanhGradient(next, dh)
      return {
        gradients: [stepMatMul(dz, uT)],
        dx: [{ dz, weights: kT }],
        terms: [
          { left: x, right: dz },
          { left: h, right: dz },
        ],
      }
    },
    termShapes: () => [
      [inputs, units],
      [units, units],
    ],
    finish([dk, du]) {
      if (!dk || !du) throw new Error('incomplete sums')
      const [dKernel, dBias] = withoutBias(dk, bias !== null)
      return [dKernel, du, dBias].filter((gradient) => gradient !== undefined)
    },
  }
}
