import type { Tensor } from '@tensorflow/tfjs-core'
import { stepMatMul } from '../../engine/operations.js'
import { type Sequence, scan, stacked } from '../../engine/scan.js'
import { tf } from '../../engine/tensorflow.js'
import { type Cell, type CellGradient, item } from './cell.js'

interface Backpropagation {
  readonly cell: Cell
  readonly rows: number
  readonly length: number
  readonly loop: boolean
  /** What each step takes, in the order of time. */
  readonly sequences: readonly Sequence[]
  /** Of the states after the last step. */
  readonly gradients: readonly Tensor[]
  readonly step: (items: readonly Tensor[], gradients: readonly Tensor[]) => CellGradient
}

interface Backpropagated {
  /** ∂L/∂x, [time, rows, features] */
  readonly dx: Tensor
  /** Of the terms, over time. */
  readonly sums: readonly Tensor[]
}

/** Every product in its step, while the factors are in the cache; sums of the terms are carried from step to step. */
export function backpropagateAndMultiply(given: Backpropagation): Backpropagated {
  const { cell, rows, length, loop, sequences, gradients, step } = given
  const sums = cell.termShapes(rows).map((shape) => tf.fill([...shape], 0))
  const result = scan({ length, loop, reverse: true }, sequences, [...gradients, ...sums], (items, carry) => {
    const { gradients, dx, terms } = step(items, carry.slice(0, cell.states))
    const summed = terms.map(({ left, right }, k) => {
      const term = left ? stepMatMul(left, right, { transposeA: true }) : right
      return tf.add(item(carry, cell.states + k), term)
    })
    return {
      carry: [...gradients, ...summed],
      items: [total(dx.map(({ dz, weights }) => stepMatMul(dz, weights)))],
    }
  })
  return { dx: stacked(item(result.sequences, 0), length), sums: result.carry.slice(cell.states) }
}

/** Only what acts back on earlier steps in its step; then one large product for all steps. */
export function backpropagateThenMultiply(given: Backpropagation): Backpropagated {
  const { rows, length, loop, sequences, gradients, step } = given
  // Which factor is which sequence is the same at every step.
  let dx: { dz: number; weights: Tensor }[] = []
  let terms: { left: number | null; right: number }[] = []
  const result = scan({ length, loop, reverse: true }, sequences, gradients, (items, carry) => {
    const computed = step(items, carry)
    const known = [...items]
    const placeOf = (factor: Tensor): number => {
      if (!known.includes(factor)) known.push(factor)
      return known.indexOf(factor)
    }
    dx = computed.dx.map(({ dz, weights }) => ({ dz: placeOf(dz), weights }))
    terms = computed.terms.map(({ left, right }) => ({ left: left && placeOf(left), right: placeOf(right) }))
    return { carry: computed.gradients, items: known.slice(items.length) }
  })
  const known = [...sequences, ...result.sequences]
  const wholes = new Map<number, Tensor>()
  /** [time · rows, width] */
  const whole = (place: number): Tensor => {
    const found = wholes.get(place) ?? matrixOf(stacked(item(known, place), length))
    wholes.set(place, found)
    return found
  }
  const flat = total(dx.map(({ dz, weights }) => tf.matMul(whole(dz), weights)))
  return {
    dx: tf.reshape(flat, [length, rows, -1]),
    sums: terms.map(({ left, right }) =>
      left === null
        ? tf.sum(tf.reshape(whole(right), [length, rows, -1]), 0)
        : tf.matMul(whole(left), whole(right), true, false),
    ),
  }
}

function matrixOf(sequence: Tensor): Tensor {
  const [, , width = 0] = sequence.shape
  return tf.reshape(sequence, [-1, width])
}

function total([first, ...others]: readonly Tensor[]): Tensor {
  if (!first) throw new Error('nothing to add')
  return others.reduce((sum, more) => tf.add(sum, more), first)
}
