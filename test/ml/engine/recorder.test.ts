import type { Tensor } from '@tensorflow/tfjs-core'
import { afterEach, describe, expect, it } from 'vitest'
import type { StoredTensors } from '../../../src/formats/safetensors.js'
import { backend } from '../../../src/ml/engine/binding.js'
import { compile } from '../../../src/ml/engine/compile.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { StepFunction, Tensors } from '../../../src/ml/engine/types.js'
import { at, scalar, vector } from './support.js'

const recording = (step: StepFunction, state: StoredTensors = { a: scalar(1) }) => {
  return () => compile(state, { f: { inputs: {}, step } }).close()
}
/** A step that multiplies the state by what `other` gives. */
const times = (other: () => Tensor | number) =>
  recording(({ state }) => ({ outputs: { y: tf.sum(tf.mul(at(state, 'a'), other())) } }))

describe('a tensor from outside is refused', () => {
  const foreign: Tensor[] = []
  const outside = (tensor: Tensor) => {
    foreign.push(tensor)
    return tensor
  }
  afterEach(() => tf.dispose(foreign))

  it.each<[string, (tensor: Tensor) => Tensor]>([
    ['as it is', (tensor) => tensor],
    // These share the memory of the tensor under a new id.
    ['reshaped', (tensor) => tf.reshape(tensor, [1])],
    ['cloned', (tensor) => tf.clone(tensor)],
    ['cast to its own type', (tensor) => tf.cast(tensor, 'float32')],
  ])('%s', (_, pass) => {
    const computed = outside(tf.add(1, 2))
    const neverUploaded = outside(tf.scalar(3))
    for (const tensor of [computed, neverUploaded]) expect(times(() => pass(tensor))).toThrow(/captures a tensor/)
  })

  it('as a variable, or inside of a gradient', () => {
    const variable = tf.variable(tf.scalar(3))
    expect(times(() => variable)).toThrow(/captures a tensor \[\]/)
    const gradient: StepFunction = ({ state }) => ({
      outputs: { y: tf.grad((x) => tf.sum(tf.mul(x, variable)))(at(state, 'a')) },
    })
    expect(recording(gradient)).toThrow(/captures a tensor \[\]/)
    variable.dispose()
  })

  it('as state or output, without any operation', () => {
    const tensor = outside(tf.scalar(3))
    expect(recording(() => ({ outputs: { y: tensor } }))).toThrow(/captures a tensor \[\] \(in its result\)/)
    expect(recording(() => ({ state: { a: tensor }, outputs: { y: tf.scalar(1) } }))).toThrow(/captures a tensor/)
  })
})

describe('randomness drawn in JavaScript is refused', () => {
  it.each<[string, () => Tensor | number]>([
    ['four numbers', () => tf.randomNormal([4])],
    ['a small dropout mask', () => tf.dropout(tf.ones([8]), 0.5)],
    ['Math.random', () => Math.random()],
  ])('%s', (_, draw) => {
    expect(times(draw)).toThrow(/draws randomness/)
  })

  it('from a seed, by its look: a large constant whose values differ', () => {
    const seeded = () => tf.randomUniform([100], 0, 1, 'float32', 7)
    expect(times(seeded)).toThrow(/constant \[100\] \(in Mul\).*frozen/)
    const state = { a: vector(...new Array<number>(100).fill(0)) }
    expect(recording(() => ({ state: { a: seeded() }, outputs: { y: tf.scalar(1) } }), state)).toThrow(/frozen/)
  })

  it('and Math.random is the same as before afterwards', () => {
    const { random } = Math
    expect(times(() => tf.randomNormal([4]))).toThrow(/draws/)
    expect(Math.random).toBe(random)
  })
})

describe('a read on the host is refused', () => {
  const reading = (tensorOf: (state: Tensors) => Tensor) =>
    recording(({ state }) => ({ outputs: { y: tf.scalar(tensorOf(state).dataSync()[0] ?? 0) } }))

  it('of state, of a result, of a tensor from outside', () => {
    const outside = tf.scalar(3)
    expect(reading((state) => at(state, 'a'))).toThrow(/back to the host/)
    expect(reading((state) => tf.add(at(state, 'a'), 1))).toThrow(/back to the host/)
    expect(reading(() => outside)).toThrow(/back to the host/)
    outside.dispose()
  })
})

describe('a recording', () => {
  it('takes constants that the step makes, also as results', () => {
    const step: StepFunction = ({ state }) => ({
      outputs: { y: tf.mul(tf.reshape(tf.tensor1d([1, 2]), [2, 1]), at(state, 'a')), z: tf.scalar(7) },
    })
    const session = compile({ a: scalar(2) }, { f: { inputs: {}, step } })
    expect(session.run('f', {})).toEqual({ y: Float32Array.of(2, 4), z: Float32Array.of(7) })
    session.close()
  })

  it('reports an operation that fails while it is recorded, with the text of TensorFlow', () => {
    const bytes = { a: { type: 'uint8', shape: [2], values: Uint8Array.of(1, 2) } } as const
    // uint8 state is for gatherRows alone: tfjs takes it for int32.
    const step = recording(({ state }) => ({ outputs: { y: tf.sum(at(state, 'a')) } }), bytes)
    expect(step).toThrow(expect.objectContaining({ code: 'ENGINE_FAILED', message: expect.stringContaining('uint8') }))
  })

  it('leaves the backend as it was, whether it succeeds or not', () => {
    const names = ['binding', 'move', 'getInputTensorIds', 'readSync'] as const
    const members = () => names.map((name) => [backend[name], Object.hasOwn(backend, name)])
    const before = members()
    recording(({ state }) => ({ outputs: { y: tf.add(at(state, 'a'), 1) } }))()
    expect(times(() => Math.random())).toThrow(/draws/)
    expect(members()).toEqual(before)
  })
})
