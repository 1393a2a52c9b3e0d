import type { Tensor } from '@tensorflow/tfjs-core'
import { tf } from '../../engine/tensorflow.js'

/** Weights of a recurrent layer in the layout of Keras; gates stand side by side. */
export interface RecurrentWeights {
  /** [features, gates · units] */
  readonly kernel: Tensor
  /** [units, gates · units] */
  readonly recurrentKernel: Tensor
  /** [gates · units], for a GRU with `resetAfter` [2, gates · units]; null: none. */
  readonly bias: Tensor | null
}

export interface RecurrentOptions {
  /** [batch, time, units] instead of the last step's [batch, units]. */
  readonly returnSequences: boolean
  /** The last time step first; a returned sequence is in the order of processing. */
  readonly goBackwards: boolean
  /** Left out: tanh. Another function takes the slower path through automatic differentiation. */
  readonly activation?: Activation
  /** Of the gates. Left out: sigmoid. Another function takes the slower path. */
  readonly recurrentActivation?: Activation
}

export type Activation = (x: Tensor) => Tensor

/**
 * One time step and its gradient, written by hand. `x` is [rows, inputs]: the features, followed by a column of ones if there is a bias, so
 * that one product computes both and their gradients. Every state and every gradient of one is [rows, units]; the first state is the output.
 */
export interface Cell {
  readonly states: number
  /** Columns of all gates. */
  readonly width: number
  /** What each forward step uses, computed once. */
  readonly forwardConstants: (rows: number) => readonly Tensor[]
  /** `tape` is what `backward` gets back for this step. */
  readonly forward: (
    constants: readonly Tensor[],
    x: Tensor,
    state: readonly Tensor[],
  ) => { readonly state: readonly Tensor[]; readonly tape: readonly Tensor[] }
  readonly backwardConstants: () => readonly Tensor[]
  /** From ∂L/∂state to ∂L/∂(state before), and the factors of what does not act back on earlier steps: it can be computed later. */
  readonly backward: (
    constants: readonly Tensor[],
    tape: readonly Tensor[],
    x: Tensor,
    gradients: readonly Tensor[],
  ) => CellGradient
  /** Shapes of the sums over time of the terms. */
  readonly termShapes: (rows: number) => readonly (readonly number[])[]
  /** ∂L/∂kernel, ∂L/∂recurrentKernel and, where there is one, ∂L/∂bias from the sums over time. */
  readonly finish: (sums: readonly Tensor[]) => Tensor[]
}

export interface CellGradient {
  readonly gradients: readonly Tensor[]
  readonly dx: readonly Product[]
  readonly terms: readonly Term[]
}

/** A part of ∂L/∂x [rows, features]: dz · weights, where the weights are the same at every step. */
export interface Product {
  readonly dz: Tensor
  readonly weights: Tensor
}

/** This step's part of a sum that `finish` takes: leftᵀ · right, or `right` itself where `left` is null. */
export interface Term {
  readonly left: Tensor | null
  readonly right: Tensor
}

/** The item at `index` of a list that is known to be long enough. */
export function item<T>(list: readonly T[], index: number): T {
  const found = list[index]
  if (found === undefined) throw new Error(`no item ${index} among ${list.length}`)
  return found
}

/** The kernel with the bias as its last row: [inputs, width]. */
export function withBias(kernel: Tensor, bias: Tensor | null): Tensor {
  return bias ? tf.concat([kernel, tf.reshape(bias, [1, -1])], 0) : kernel
}

/** The gradients of kernel and bias from that of `withBias`. */
export function withoutBias(gradient: Tensor, hasBias: boolean): Tensor[] {
  if (!hasBias) return [gradient]
  const [inputs = 0, width = 0] = gradient.shape
  return [
    tf.slice(gradient, [0, 0], [inputs - 1, width]),
    tf.reshape(tf.slice(gradient, [inputs - 1, 0], [1, width]), [width]),
  ]
}
