import type { Tensor } from '@tensorflow/tfjs-core'
import { type ArrayPorts, gatheredArray, scatteredArray, writeLoop } from './loop.js'
import { currentRecording, type Recording } from './recorder.js'
import { tf } from './tensorflow.js'

/** One float32 tensor per time step, all of one shape. */
export interface Sequence {
  readonly shape: readonly number[]
  /** The items themselves; empty if they exist only inside of a recorded loop. */
  readonly tensors: readonly Tensor[]
  /** Where a recorded loop keeps them. */
  readonly array: ArrayPorts | null
}

export interface ScanOptions {
  /** Number of time steps, from 1. */
  readonly length: number
  /** From the last time step to the first. Default false. */
  readonly reverse?: boolean
  /** While recording: write a loop, whose graph does not grow with `length`, instead of one copy of the body per time step. */
  readonly loop: boolean
}

/** For one time step: the carry for the next one, and an item for each resulting sequence. */
export interface ScanStep {
  readonly carry: readonly Tensor[]
  readonly items: readonly Tensor[]
}

type Body = (items: readonly Tensor[], carry: readonly Tensor[]) => ScanStep

/**
 * carry, results[t] ← body(sequences[t], carry) for every time step t. Not differentiable: its gradient is a second scan in the other direction.
 * The body is a pure function of float32 tensors, and its carry keeps its shapes. In a recorded loop it is called once, on zeros.
 * @returns the carry after the last step, and the items at their time steps, in whichever direction they were computed
 */
export function scan(
  { length, reverse = false, loop }: ScanOptions,
  sequences: readonly Sequence[],
  carry: readonly Tensor[],
  body: Body,
): { readonly carry: readonly Tensor[]; readonly sequences: readonly Sequence[] } {
  const recording = loopingRecording(loop)
  if (recording) return scanInGraph(recording, { length, reverse }, sequences, carry, body)
  const results: Tensor[][] = []
  let state = carry
  for (let step = 0; step < length; step++) {
    const time = reverse ? length - 1 - step : step
    const next = body(
      sequences.map(({ tensors }) => tensorAt(tensors, time)),
      state,
    )
    next.items.forEach((tensor, index) => {
      results[index] ??= []
      results[index][time] = tensor
    })
    state = next.carry
  }
  return { carry: state, sequences: results.map((tensors) => sequenceOf(tensors)) }
}

/** The items along the first axis of a tensor [time, …]. */
export function unstacked(stacked: Tensor, { loop }: Pick<ScanOptions, 'loop'>): Sequence {
  const recording = loopingRecording(loop)
  if (!recording) return sequenceOf(tf.unstack(stacked, 0))
  const [length = 0, ...shape] = stacked.shape
  return { shape, tensors: [], array: scatteredArray(recording.graph, recording.referenceOf(stacked), length, shape) }
}

/** A tensor [time, …] of the items of a sequence of `length` items. */
export function stacked({ tensors, array, shape }: Sequence, length: number): Tensor {
  const recording = currentRecording()
  if (!array || !recording) return tf.stack([...tensors], 0)
  return standIn(recording, [length, ...shape], gatheredArray(recording.graph, array, length, shape))
}

/** The recording, if a loop is to be written into it: a graph that others read has none. */
function loopingRecording(loop: boolean): Recording | null {
  const recording = loop ? currentRecording() : null
  return recording?.graph.compacts ? recording : null
}

/** The same sequence, of other tensors with the same values: those that outlive a scope. */
export function replaced(sequence: Sequence, tensors: readonly Tensor[]): Sequence {
  return { ...sequence, tensors }
}

function sequenceOf(tensors: readonly Tensor[]): Sequence {
  return { shape: tensors[0]?.shape ?? [], tensors, array: null }
}

function scanInGraph(
  recording: Recording,
  options: { readonly length: number; readonly reverse: boolean },
  sequences: readonly Sequence[],
  carry: readonly Tensor[],
  body: Body,
): ReturnType<typeof scan> {
  const arrays = sequences.map(({ array }) => {
    if (!array) throw new Error('a recorded loop takes sequences that were made for loops')
    return array
  })
  const shapes: (readonly number[])[] = []
  const result = writeLoop(recording, options, arrays, carry.map(recording.referenceOf), (items, carried) => {
    const next = body(
      items.map((reference, index) => standIn(recording, sequences[index]?.shape ?? [], reference)),
      carried.map((reference, index) => standIn(recording, carry[index]?.shape ?? [], reference)),
    )
    return {
      carry: next.carry.map((tensor, index) => {
        if (String(tensor.shape) !== String(carry[index]?.shape))
          throw new Error(`the carry changes from [${carry[index]?.shape}] to [${tensor.shape}]`)
        return recording.referenceOf(tensor)
      }),
      items: next.items.map((tensor) => {
        shapes.push(tensor.shape)
        return { reference: recording.referenceOf(tensor), shape: tensor.shape }
      }),
    }
  })
  return {
    carry: result.carry.map((reference, index) => standIn(recording, carry[index]?.shape ?? [], reference)),
    sequences: result.arrays.map((array, index) => ({ shape: shapes[index] ?? [], tensors: [], array })),
  }
}

/** A tensor for what only the graph computes: of that shape, its values of no account. */
function standIn(recording: Recording, shape: readonly number[], reference: string): Tensor {
  const tensor = tf.zeros([...shape])
  recording.bind(tensor, reference)
  return tensor
}

function tensorAt(tensors: readonly Tensor[], time: number): Tensor {
  const found = tensors[time]
  if (!found) throw new Error(`no item for time step ${time}`)
  return found
}
