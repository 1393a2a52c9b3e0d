import type { Tensor } from '@tensorflow/tfjs-core'
import { stepMatMul, tanhGradient } from '../../engine/operations.js'
import { tf } from '../../engine/tensorflow.js'
import { type Cell, item, type RecurrentOptions, type RecurrentWeights, withBias, withoutBias } from './cell.js'
import { runCell } from './sequence.js'
import { runStepwise } from './stepwise.js'

export interface GruOptions extends RecurrentOptions {
  /** Whether the reset gate acts after the recurrent product, r∘(h·U + b′), rather than before it, (r∘h)·U. With it the bias is [2, 3 · units]. */
  readonly resetAfter: boolean
}

/**
 * Gated recurrent unit: x [batch, time, features] → [batch, time, units] or [batch, units], from a state of zeros; gates z, r, h as in Keras.
 * z, r = σ(x·K + h·U + b), h̃ = tanh(x·K + r∘(h·U) + b); h ← z∘h + (1 − z)∘h̃.
 * @see Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014.
 */
export function gru(x: Tensor, weights: RecurrentWeights, options: GruOptions): Tensor {
  const { resetAfter } = options
  if (!options.activation && !options.recurrentActivation)
    return runCell(x, weights, options, (each) => makeGruCell(each, resetAfter))
  const { activation = tf.tanh, recurrentActivation = tf.sigmoid } = options
  const [units = 0] = weights.recurrentKernel.shape
  const [uGates, uCandidate] = columns(weights.recurrentKernel, units)
  const biases = weights.bias && resetAfter ? tf.unstack(weights.bias, 0) : []
  const [bGates, bCandidate] = biases[1] ? rowOf(biases[1], units) : [null, null]
  const plus = (sum: Tensor, bias: Tensor | null) => (bias ? tf.add(sum, bias) : sum)
  return runStepwise(x, weights, options, 1, (projected, [h]) => {
    if (!h) throw new Error('a GRU has one state')
    const [xGates, xCandidate] = columns(projected, units)
    const gates = recurrentActivation(plus(tf.add(xGates, tf.matMul(h, uGates)), bGates))
    const [z, r] = halves(gates)
    const recurrent = resetAfter
      ? tf.mul(r, plus(tf.matMul(h, uCandidate), bCandidate))
      : tf.matMul(tf.mul(r, h), uCandidate)
    const candidate = activation(tf.add(xCandidate, recurrent))
    return [tf.add(candidate, tf.mul(z, tf.sub(h, candidate)))]
  })
}

/** The columns of z and r, and those of the candidate. */
function columns(matrix: Tensor, units: number): [Tensor, Tensor] {
  const [rows = 0] = matrix.shape
  return [tf.slice(matrix, [0, 0], [rows, 2 * units]), tf.slice(matrix, [0, 2 * units], [rows, units])]
}

function rowOf(bias: Tensor, units: number): [Tensor, Tensor] {
  return [tf.slice(bias, [0], [2 * units]), tf.slice(bias, [2 * units], [units])]
}

function halves(gates: Tensor): [Tensor, Tensor] {
  const both = tf.split(gates, 2, 1)
  return [item(both, 0), item(both, 1)]
}

/** σ(x) = ½·tanh(x/2) + ½: the weights of z and r are halved beforehand, and quartered for the gradient, σ′ = ¼·(1 − tanh²(x/2)). */
function makeGruCell({ kernel, recurrentKernel, bias }: RecurrentWeights, resetAfter: boolean): Cell {
  const [units = 0] = recurrentKernel.shape
  const inputs = (kernel.shape[0] ?? 0) + (bias ? 1 : 0)
  const [kGates, kCandidate] = columns(kernel, units)
  const [uGates, uCandidate] = columns(recurrentKernel, units)
  const hasRecurrentBias = bias !== null && resetAfter

  /** The bias of z and r, that of the candidate, and that of the candidate's recurrent part. */
  function biases(): [Tensor | null, Tensor | null, Tensor | null] {
    if (!bias) return [null, null, null]
    if (!resetAfter) return [...rowOf(bias, units), null]
    const [input, recurrent] = tf.unstack(bias, 0)
    if (!input || !recurrent) throw new Error('the bias of a GRU with resetAfter is [2, 3 · units]')
    const [bGates, bCandidate] = rowOf(input, units)
    const [rGates, rCandidate] = rowOf(recurrent, units)
    return [tf.add(bGates, rGates), bCandidate, rCandidate]
  }

  return {
    states: 1,
    width: 3 * units,
    forwardConstants(rows) {
      const [bGates, bCandidate, bRecurrent] = biases()
      return [
        tf.mul(withBias(kGates, bGates), 0.5),
        tf.mul(uGates, 0.5),
        withBias(kCandidate, bCandidate),
        uCandidate,
        ...(bRecurrent ? [tf.tile(tf.reshape(bRecurrent, [1, units]), [rows, 1])] : []),
      ]
    },
    forward([kg, ug, kc, uc, bRecurrent], x, [h]) {
      if (!kg || !ug || !kc || !uc || !h) throw new Error('incomplete step')
      const tau = tf.tanh(tf.add(stepMatMul(h, ug), stepMatMul(x, kg)))
      const [z, r] = halves(tf.add(tf.mul(tau, 0.5), 0.5))
      let inner: Tensor
      let recurrent: Tensor
      if (resetAfter) {
        const product = stepMatMul(h, uc)
        inner = bRecurrent ? tf.add(product, bRecurrent) : product
        recurrent = tf.mul(r, inner)
      } else {
        inner = tf.mul(r, h)
        recurrent = stepMatMul(inner, uc)
      }
      const candidate = tf.tanh(tf.add(stepMatMul(x, kc), recurrent))
      const difference = tf.sub(h, candidate)
      return {
        state: [tf.add(candidate, tf.mul(z, difference))],
        tape: [tau, z, r, inner, candidate, difference, h],
      }
    },
    backwardConstants: () => [
      tf.transpose(tf.mul(kGates, 0.25)),
      tf.transpose(tf.mul(uGates, 0.25)),
      tf.transpose(kCandidate),
      tf.transpose(uCandidate),
    ],
    backward([kgT, ugT, kcT, ucT], [tau, z, r, inner, candidate, difference, h], x, [dh]) {
      if (!kgT || !ugT || !kcT || !ucT || !tau || !z || !r || !inner || !candidate || !difference || !h || !dh)
        throw new Error('incomplete step')
      const kept = tf.mul(dh, z)
      const dCandidate = tanhGradient(candidate, tf.sub(dh, kept))
      // Of the recurrent product (after the reset) or of what enters it (before).
      const dInner = resetAfter ? tf.mul(dCandidate, r) : stepMatMul(dCandidate, ucT)
      const dr = resetAfter ? tf.mul(dCandidate, inner) : tf.mul(dInner, h)
      const dGates = tanhGradient(tau, tf.concat([tf.mul(dh, difference), dr], 1))
      const through = resetAfter ? stepMatMul(dInner, ucT) : tf.mul(dInner, r)
      return {
        gradients: [tf.addN([kept, stepMatMul(dGates, ugT), through])],
        dx: [
          { dz: dGates, weights: kgT },
          { dz: dCandidate, weights: kcT },
        ],
        terms: [
          { left: x, right: dGates },
          { left: x, right: dCandidate },
          { left: h, right: dGates },
          resetAfter ? { left: h, right: dInner } : { left: inner, right: dCandidate },
          ...(hasRecurrentBias ? [{ left: null, right: dInner }] : []),
        ],
      }
    },
    termShapes: (rows) => [
      [inputs, 2 * units],
      [inputs, units],
      [units, 2 * units],
      [units, units],
      ...(hasRecurrentBias ? [[rows, units]] : []),
    ],
    finish([kGatesSum, kCandidateSum, uGatesSum, uCandidateSum, innerSum]) {
      if (!kGatesSum || !kCandidateSum || !uGatesSum || !uCandidateSum) throw new Error('incomplete sums')
      const dAll = tf.concat([tf.mul(kGatesSum, 0.25), kCandidateSum], 1)
      const [dKernel, dBias] = withoutBias(dAll, bias !== null)
      const dRecurrent = tf.concat([tf.mul(uGatesSum, 0.25), uCandidateSum], 1)
      if (!dKernel) throw new Error('no gradient of the kernel')
      if (!dBias) return [dKernel, dRecurrent]
      if (!innerSum) return [dKernel, dRecurrent, dBias]
      const [dShared] = rowOf(dBias, units)
      return [dKernel, dRecurrent, tf.stack([dBias, tf.concat([dShared, tf.sum(innerSum, 0)], 0)], 0)]
    },
  }
}
