import type { GradSaveFunc, Tensor } from '@tensorflow/tfjs-core'
import { recurrentChains } from '../../../planning/threads.js'
import { replaced, type Sequence, scan, stacked, unstacked } from '../../engine/scan.js'
import { tf } from '../../engine/tensorflow.js'
import { backpropagateAndMultiply, backpropagateThenMultiply } from './backpropagate.js'
import { type Cell, item, type RecurrentOptions, type RecurrentWeights } from './cell.js'

/** Longer sequences become a loop in the graph: slower per step, but a graph of constant size. */
const UNROLLED_UP_TO = 100
/**
 * Sums of the gradients of more columns than this leave the cache at every step: then the factors of all steps are kept, and multiplied at
 * the end (measured, docs/recurrent.md).
 */
const WIDEST_IN_STEP = 256

interface Chain {
  /** First example, and number of examples. */
  readonly start: number
  readonly rows: number
}

/** A layer whose cell has a hand-written gradient: x [batch, time, features] → [batch, time, units] or [batch, units]. */
export function runCell(
  x: Tensor,
  { kernel, recurrentKernel, bias }: RecurrentWeights,
  { returnSequences, goBackwards }: RecurrentOptions,
  makeCell: (weights: RecurrentWeights) => Cell,
): Tensor {
  const apply = tf.customGrad((...args) => {
    // customGrad passes its inputs and a function; tfjs types both as tensors.
    const save = args.pop() as unknown as GradSaveFunc
    const inputs = args as Tensor[]
    const { value, tapes } = forward(layerOf(inputs, makeCell), returnSequences)
    const items = tapes.flat().flatMap(({ tensors }) => tensors)
    save([...inputs, ...items])
    return {
      value,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const kept = saved.slice(inputs.length)
        const restored = tapes.map((chain) =>
          chain.map((sequence) => replaced(sequence, kept.splice(0, sequence.tensors.length))),
        )
        return backward(layerOf(saved.slice(0, inputs.length), makeCell), restored, dy, returnSequences)
      },
    }
  })
  const ordered = goBackwards ? tf.reverse(x, 1) : x
  return apply(...[ordered, kernel, recurrentKernel, ...(bias ? [bias] : [])])
}

interface Layer {
  readonly cell: Cell
  readonly x: Tensor
  readonly batch: number
  readonly length: number
  readonly units: number
  readonly hasBias: boolean
  readonly loop: boolean
}

function layerOf(
  [x, kernel, recurrentKernel, bias]: readonly Tensor[],
  makeCell: (w: RecurrentWeights) => Cell,
): Layer {
  if (!x || !kernel || !recurrentKernel) throw new Error('incomplete inputs')
  const [batch = 0, length = 0] = x.shape
  return {
    cell: makeCell({ kernel, recurrentKernel, bias: bias ?? null }),
    x,
    batch,
    length,
    units: recurrentKernel.shape[0] ?? 0,
    hasBias: bias !== undefined,
    loop: length > UNROLLED_UP_TO,
  }
}

function chainsOf(batch: number): Chain[] {
  const count = recurrentChains(batch)
  return Array.from({ length: count }, (_, index) => {
    const start = Math.floor((index * batch) / count)
    return { start, rows: Math.floor(((index + 1) * batch) / count) - start }
  })
}

/** For each chain the inputs x_t, followed by what the cell keeps of each step. */
function forward(layer: Layer, returnSequences: boolean): { value: Tensor; tapes: Sequence[][] } {
  const { cell, x, batch, length, units, hasBias, loop } = layer
  // A column of ones: its row of the kernel is the bias.
  const inputs = hasBias
    ? tf.pad(
        x,
        [
          [0, 0],
          [0, 0],
          [0, 1],
        ],
        1,
      )
    : x
  const parts = chainsOf(batch).map((chain) => {
    const { rows } = chain
    const xs = unstacked(timeMajor(inputs, chain), { loop })
    const constants = cell.forwardConstants(rows)
    const zeros = Array.from({ length: cell.states }, () => tf.fill([rows, units], 0))
    const { carry, sequences } = scan({ length, loop }, [xs], zeros, (items, state) => {
      const next = cell.forward(constants, item(items, 0), state)
      return { carry: next.state, items: returnSequences ? [item(next.state, 0), ...next.tape] : next.tape }
    })
    const tape = returnSequences ? sequences.slice(1) : sequences
    return {
      value: returnSequences ? tf.transpose(stacked(item(sequences, 0), length), [1, 0, 2]) : item(carry, 0),
      tape: [xs, ...tape],
    }
  })
  return { value: joined(parts.map(({ value }) => value)), tapes: parts.map(({ tape }) => tape) }
}

/** Gradients of x, kernel, recurrentKernel and, where there is one, bias. */
function backward(layer: Layer, tapes: readonly Sequence[][], dy: Tensor, returnSequences: boolean): Tensor[] {
  const { cell, batch, length, units, loop } = layer
  const constants = cell.backwardConstants()
  const backpropagate = cell.width > WIDEST_IN_STEP ? backpropagateThenMultiply : backpropagateAndMultiply
  const parts = chainsOf(batch).map((chain, index) => {
    const { start, rows } = chain
    const tape = item(tapes, index)
    const dys = returnSequences ? [unstacked(timeMajor(dy, chain), { loop })] : []
    const zeros = () => tf.fill([rows, units], 0)
    const last = returnSequences ? zeros() : tf.slice(dy, [start, 0], [rows, units])
    const { dx, sums } = backpropagate({
      ...{ cell, rows, length, loop },
      sequences: [...tape, ...dys],
      gradients: [last, ...Array.from({ length: cell.states - 1 }, zeros)],
      step([x, ...rest], [dh, ...others]) {
        if (!x || !dh) throw new Error('incomplete step')
        return cell.backward(constants, rest, x, [
          returnSequences ? tf.add(dh, item(rest, rest.length - 1)) : dh,
          ...others,
        ])
      },
    })
    return { dx: tf.transpose(dx, [1, 0, 2]), sums: cell.finish(sums) }
  })
  const [first, ...others] = parts.map(({ sums }) => sums)
  if (!first) throw new Error('no chain')
  const weights = first.map((sum, k) => others.reduce((total, more) => tf.add(total, item(more, k)), sum))
  return [joined(parts.map(({ dx }) => dx)), ...weights]
}

/** The examples of a chain, [time, rows, …] of [batch, time, …]. */
function timeMajor(x: Tensor, { start, rows }: Chain): Tensor {
  const [, time = 0, width = 0] = x.shape
  return tf.transpose(tf.slice(x, [start, 0, 0], [rows, time, width]), [1, 0, 2])
}

function joined(parts: Tensor[]): Tensor {
  return parts.length === 1 ? item(parts, 0) : tf.concat(parts, 0)
}
