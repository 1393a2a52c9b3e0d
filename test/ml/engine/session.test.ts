import type { Tensor } from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import type { StoredTensor } from '../../../src/formats/safetensors.js'
import { compile } from '../../../src/ml/engine/compile.js'
import { runEagerly } from '../../../src/ml/engine/eager.js'
import { gatherRows } from '../../../src/ml/engine/gather.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { InputSpec, Session, StepFunction } from '../../../src/ml/engine/types.js'
import { at, resources, scalar, vector } from './support.js'

const increment: StepFunction = ({ state }) => ({
  state: { a: tf.add(at(state, 'a'), 1) },
  outputs: { before: at(state, 'a') },
})
const firstValue = (session: Session, name = 'a') => session.get([name])[name]?.values[0]

describe.each([
  ['compiled', compile],
  ['eager', runEagerly],
] as const)('a session, %s', (_, open) => {
  const withStep = (step: StepFunction, state: Record<string, StoredTensor>, inputs: Record<string, InputSpec> = {}) =>
    open(state, { f: { inputs, step } })

  it('shares nothing with another one whose state has the same names', () => {
    const [first, second] = [scalar(0), scalar(100)].map((a) => withStep(increment, { a }))
    if (!first || !second) throw new Error('unreachable')
    first.run('f', {})
    first.run('f', {})
    second.run('f', {})
    expect([firstValue(first), firstValue(second)]).toEqual([2, 101])
    first.close()
    second.run('f', {})
    expect(firstValue(second)).toBe(102)
    second.close()
  })

  it('gives every output its own values, whatever its size, type and name', () => {
    const outputs = () => ({
      loss: tf.scalar(1),
      joined: tf.tensor1d([2, 3]),
      count: tf.scalar(4, 'int32'),
      matrix: tf.tensor2d([[5, 6]]),
      none: tf.zeros([0]),
      long: tf.range(0, 2000),
    })
    const session = withStep(() => ({ outputs: outputs() }), {})
    expect(session.run('f', {})).toEqual({
      ...{ loss: Float32Array.of(1), joined: Float32Array.of(2, 3), count: Int32Array.of(4) },
      ...{
        matrix: Float32Array.of(5, 6),
        none: new Float32Array(),
        long: Float32Array.from({ length: 2000 }, (_, i) => i),
      },
    })
    session.close()
  })

  it('reads all state before it writes any', () => {
    const swap: StepFunction = ({ state }) => ({
      state: { a: at(state, 'b'), b: at(state, 'a') },
      outputs: { a: at(state, 'a') },
    })
    const session = withStep(swap, { a: scalar(1), b: scalar(2) })
    expect(session.run('f', {})).toEqual({ a: Float32Array.of(1) })
    expect([firstValue(session, 'a'), firstValue(session, 'b')]).toEqual([2, 1])
    session.close()
  })

  it.each<[string, (x: Tensor, size: number) => Tensor]>([
    ['as it is', (x) => x],
    ['reshaped', (x, size) => tf.reshape(x, [size])],
    ['sliced', (x, size) => tf.slice(x, [0], [size])],
  ])('keeps what it was fed as state when the next feed comes, %s', (_case, pass) => {
    // Whether an array could be shared is a matter of its address: many sizes and offsets meet aligned ones.
    for (let size = 1000; size < 1016; size++) {
      const step: StepFunction = ({ state, inputs }) => ({
        state: { a: pass(at(inputs, 'x'), size), b: at(state, 'a') },
        outputs: { done: tf.scalar(1) },
      })
      const zeros: StoredTensor = { type: 'float32', shape: [size], values: new Float32Array(size) }
      const session = withStep(step, { a: zeros, b: zeros }, { x: { shape: [size], dtype: 'float32' } })
      const memory = new ArrayBuffer(4 * size + 64)
      for (let offset = 0; offset < 64; offset += 8) {
        const x = new Float32Array(memory, offset, size)
        session.run('f', { x: x.fill(1) })
        session.run('f', { x: x.fill(2) })
        x.fill(3)
        expect([firstValue(session, 'a'), firstValue(session, 'b')]).toEqual([2, 1])
      }
      session.close()
    }
  })

  it('gathers rows: float32 and int32 as they are, uint8 as float32', () => {
    const state = {
      float: { type: 'float32', shape: [3, 1], values: Float32Array.of(0.5, 1.5, 2.5) },
      int: { type: 'int32', shape: [3], values: Int32Array.of(5, 6, -7) },
      byte: { type: 'uint8', shape: [3, 2], values: Uint8Array.of(0, 1, 2, 3, 254, 255) },
    } as const
    const step: StepFunction = ({ state, inputs }) => ({
      outputs: Object.fromEntries(
        Object.entries(state).map(([name, data]) => [name, gatherRows(data, at(inputs, 'rows'))]),
      ),
    })
    const session = withStep(step, state, { rows: { shape: [2], dtype: 'int32' } })
    expect(session.run('f', { rows: Int32Array.of(2, 0) })).toEqual({
      float: Float32Array.of(2.5, 0.5),
      int: Int32Array.of(-7, 5),
      byte: Float32Array.of(254, 255, 0, 1),
    })
    session.close()
  })

  it('takes tensors without elements', () => {
    const empty: StoredTensor = { type: 'float32', shape: [0, 3], values: new Float32Array(0) }
    const session = withStep(({ state }) => ({ outputs: { y: tf.sum(at(state, 'a')) } }), { a: empty })
    expect(session.run('f', {})).toEqual({ y: Float32Array.of(0) })
    expect(session.get()).toEqual({ a: empty })
    session.close()
  })

  it('sets all or nothing', () => {
    const session = open({ a: scalar(1), b: scalar(2) }, {})
    expect(() => session.set({ a: scalar(9), b: vector(1, 2) })).toThrow(/state 'b' is float32 \[\]/)
    expect(() => session.set({ a: scalar(9), c: scalar(1) })).toThrow(/no state 'c'/)
    expect(session.get()).toEqual({ a: scalar(1), b: scalar(2) })
    session.close()
  })

  it.each<[string, StepFunction, RegExp]>([
    ['of another shape', () => ({ state: { b: tf.zeros([2]) }, outputs: { y: tf.scalar(1) } }), /state 'b' from/],
    ['of another type', () => ({ state: { b: tf.scalar(1, 'int32') }, outputs: { y: tf.scalar(1) } }), /to int32/],
    ['that is not declared', () => ({ state: { c: tf.scalar(1) }, outputs: { y: tf.scalar(1) } }), /'c', which/],
    ['and a bool output', () => ({ outputs: { y: tf.greater(1, 0) } }), /output 'y' as bool/],
  ])('refuses a step with new state %s, and changes nothing', (_case, broken, message) => {
    const step: StepFunction = (input) => {
      const { state, outputs } = broken(input)
      return { state: { a: tf.add(at(input.state, 'a'), 1), ...state }, outputs }
    }
    const opened: Session[] = []
    expect(() => {
      const session = withStep(step, { a: scalar(1), b: scalar(2) })
      opened.push(session)
      session.run('f', {})
    }).toThrow(expect.objectContaining({ code: 'ENGINE_FAILED', message: expect.stringMatching(message) }))
    for (const session of opened) {
      expect(session.get()).toEqual({ a: scalar(1), b: scalar(2) })
      session.close()
    }
  })

  it('leaks nothing and stays as it was when calls fail', () => {
    const step: StepFunction = ({ state, inputs }) => ({
      state: { a: tf.add(at(state, 'a'), 1) },
      outputs: { y: gatherRows(at(state, 'table'), at(inputs, 'rows')) },
    })
    const state = { a: scalar(1), table: vector(1, 2, 3) }
    const session = withStep(step, state, { rows: { shape: [1], dtype: 'int32' } })
    const fail = () =>
      expect(() => session.run('f', { rows: Int32Array.of(3) })).toThrow(
        expect.objectContaining({ code: 'ENGINE_FAILED', message: expect.stringMatching(/not in \[0, 3\)/) }),
      )
    fail()
    const before = resources()
    for (let i = 0; i < 20; i++) fail()
    expect(resources()).toEqual(before)
    expect(session.get()).toEqual(state)
    session.close()
  })

  it('refuses an array of another class', () => {
    const session = withStep(increment, { a: scalar(1) }, { i: { shape: [1], dtype: 'int32' } })
    // What a caller without types could pass.
    const bytes = new Uint8Array(1) as unknown as Int32Array
    expect(() => session.run('f', { i: bytes })).toThrow(/takes int32 for input 'i', not Uint8Array/)
    session.close()
  })

  it('closes once, and says so to later calls', () => {
    const before = resources()
    const session = withStep(increment, { a: scalar(1) })
    session.close()
    session.close()
    const calls = [() => session.run('f', {}), () => session.get(), () => session.set({ a: scalar(1) })]
    for (const call of calls) expect(call).toThrow(/session is closed/)
    expect(resources()).toEqual(before)
  })
})
