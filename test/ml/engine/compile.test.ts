import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import type { StoredTensor, StoredTensors } from '../../../src/formats/safetensors.js'
import { native } from '../../../src/ml/engine/binding.js'
import { compile } from '../../../src/ml/engine/compile.js'
import { runEagerly } from '../../../src/ml/engine/eager.js'
import { gatherRows } from '../../../src/ml/engine/gather.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { SignatureSpec, StepFunction, Tensors } from '../../../src/ml/engine/types.js'

/** Small deterministic values; a fresh stream for each seed. */
function random(seed: number, shape: number[], scale = 1): StoredTensor {
  let a = seed
  const values = Float32Array.from({ length: shape.reduce((x, y) => x * y, 1) }, () => {
    a = (Math.imul(a, 1664525) + 1013904223) | 0
    return (a / 2 ** 31) * scale
  })
  return { type: 'float32', shape, values }
}
const scalar = (value: number): StoredTensor => ({ type: 'float32', shape: [], values: Float32Array.of(value) })
const at = (tensors: Tensors, name: string): Tensor => {
  const tensor = tensors[name]
  if (!tensor) throw new Error(name)
  return tensor
}
const valuesOf = (tensors: StoredTensors, name: string) => Array.from(tensors[name]?.values ?? [])
const firstOf = (outputs: Readonly<Record<string, ArrayLike<number>>>, name: string) => outputs[name]?.[0]

/** w ← w − 0.1 · ∂/∂w mean (output²) of a network over resident uint8 rows. */
function sgd(forward: (state: Tensors, x: Tensor) => Tensor, weights: readonly string[]): StepFunction {
  return ({ state, inputs }) => {
    const x = tf.mul(gatherRows(at(state, 'data'), at(inputs, 'rows')), 1 / 255)
    const values = weights.map((name) => at(state, name))
    const loss = (...ws: Tensor[]) =>
      tf.mean(
        tf.square(forward({ ...state, ...Object.fromEntries(weights.map((name, i) => [name, ws[i] ?? x])) }, x)),
      ) as ReturnType<typeof tf.scalar>
    const { value, grads } = tf.valueAndGrads(loss)(values)
    const next = Object.fromEntries(
      weights.map((name, i) => [name, tf.sub(at(state, name), tf.mul(grads[i] ?? value, 0.1))]),
    )
    return { state: next, outputs: { loss: value } }
  }
}
const mlp = (state: Tensors, x: Tensor) =>
  tf.matMul(
    tf.relu(tf.add(tf.matMul(x as Tensor2D, at(state, 'w1') as Tensor2D), at(state, 'b1'))) as Tensor2D,
    at(state, 'w2') as Tensor2D,
  )
const cnn = (state: Tensors, x: Tensor) => {
  const image = tf.reshape(x, [-1, 8, 8, 1]) as Tensor4D
  const pooled = tf.maxPool(
    tf.relu(tf.conv2d(image, at(state, 'k') as Tensor4D, 1, 'valid')) as Tensor4D,
    2,
    2,
    'valid',
  )
  return tf.matMul(tf.reshape(pooled, [-1, 36]) as Tensor2D, at(state, 'w') as Tensor2D)
}
const data: StoredTensor = {
  type: 'uint8',
  shape: [50, 64],
  values: Uint8Array.from({ length: 3200 }, (_, i) => (i * 37) % 256),
}
const networks = {
  mlp: {
    state: { data, w1: random(1, [64, 20], 0.2), b1: random(2, [20], 0.1), w2: random(3, [20, 5], 0.2) },
    step: sgd(mlp, ['w1', 'b1', 'w2']),
  },
  cnn: { state: { data, k: random(4, [3, 3, 1, 4], 0.3), w: random(5, [36, 5], 0.2) }, step: sgd(cnn, ['k', 'w']) },
}
const rowsOf = (step: number, count = 16) => ({
  rows: Int32Array.from({ length: count }, (_, i) => (step * 7 + i * 3) % 50),
})
const withRows = (step: StepFunction, count = 16, xla = false): SignatureSpec => ({
  inputs: { rows: { shape: [count], dtype: 'int32' } },
  step,
  xla,
})

describe.each(Object.entries(networks))('%s, compiled and eager', (_name, { state, step }) => {
  it('has equal bits after one step', () => {
    const compiled = compile(state, { train: withRows(step) })
    const eager = runEagerly(state, { train: withRows(step) })
    expect(compiled.run('train', rowsOf(0))).toEqual(eager.run('train', rowsOf(0)))
    expect(compiled.get()).toEqual(eager.get())
    expect(compiled.get()).not.toEqual(Object.fromEntries(Object.entries(state).filter(([name]) => name !== 'data')))
    compiled.close()
    eager.close()
  })

  it('stays within 1e-6 over 50 steps, the last batch being smaller', () => {
    const signatures = { train: withRows(step), rest: withRows(step, 5) }
    const compiled = compile(state, signatures)
    const eager = runEagerly(state, signatures)
    for (let i = 0; i < 50; i++) {
      const [signature, count] = i % 3 === 2 ? (['rest', 5] as const) : (['train', 16] as const)
      for (const session of [compiled, eager]) session.run(signature, rowsOf(i, count))
    }
    const expected = eager.get()
    for (const [name, { values }] of Object.entries(compiled.get())) {
      const scale = Math.max(...Array.from(valuesOf(expected, name), Math.abs))
      values.forEach((value, i) => {
        expect(Math.abs(value - (valuesOf(expected, name)[i] ?? Number.NaN)) / scale).toBeLessThanOrEqual(1e-6)
      })
    }
    compiled.close()
    eager.close()
  })

  it('agrees under XLA to rounding', () => {
    const session = compile(state, { plain: withRows(step), xla: withRows(step, 16, true) })
    const plain = firstOf(session.run('plain', rowsOf(0)), 'loss') ?? Number.NaN
    session.set(Object.fromEntries(Object.entries(state).filter(([name]) => name !== 'data')))
    expect(Math.abs((firstOf(session.run('xla', rowsOf(0)), 'loss') ?? Number.NaN) - plain) / plain).toBeLessThan(1e-5)
    session.close()
  })
})

describe('a recording is refused when', () => {
  const failing = (step: StepFunction) => () => compile({ a: scalar(0) }, { f: { inputs: {}, step } }).close()

  it('it captures a tensor from outside', () => {
    const foreign = tf.tensor1d([1, 2, 3])
    expect(failing(({ state }) => ({ outputs: { y: tf.sum(tf.mul(foreign, at(state, 'a'))) } }))).toThrow(
      /captures a tensor \[3\]/,
    )
    foreign.dispose()
  })
  it('it draws randomness in JavaScript', () => {
    expect(
      failing(({ state }) => ({ outputs: { y: tf.sum(tf.mul(tf.randomUniform([100]), at(state, 'a'))) } })),
    ).toThrow(/frozen/)
  })
  it('it reads a computed value on the host', () => {
    expect(
      failing(({ state }) => ({ outputs: { y: tf.scalar(tf.add(at(state, 'a'), 1).dataSync()[0] ?? 0) } })),
    ).toThrow(/reads a computed value/)
  })
  it('it changes shape or type of state, or names unknown state', () => {
    expect(failing(() => ({ state: { a: tf.zeros([2]) }, outputs: { y: tf.scalar(1) } }))).toThrow(
      /changes state 'a' from float32 \[\] to float32 \[2\]/,
    )
    expect(failing(() => ({ state: { a: tf.scalar(1, 'int32') }, outputs: { y: tf.scalar(1) } }))).toThrow(/to int32/)
    expect(failing(() => ({ state: { b: tf.scalar(1) }, outputs: { y: tf.scalar(1) } }))).toThrow(
      /'b', which was not declared/,
    )
  })
  it('a name is not one of TensorFlow, or nothing is returned', () => {
    expect(() => compile({ 'a+b': scalar(0) }, {})).toThrow(/not a TensorFlow node name/)
    expect(failing(() => ({ outputs: {} }))).toThrow(/has no output/)
  })
  it('and the backend is as before afterwards', () => {
    expect(() =>
      failing(() => {
        throw new Error('mine')
      })(),
    ).toThrow('mine')
    expect(tf.add(1, 2).dataSync()[0]).toBe(3)
  })
})

describe('a call', () => {
  const step: StepFunction = ({ state, inputs }) => ({
    state: { a: tf.add(at(state, 'a'), tf.sum(at(inputs, 'x'))) },
    outputs: {
      y: tf.log(at(inputs, 'x')),
      z: tf.gather(tf.tensor1d([1, 2, 3]), at(inputs, 'i') as ReturnType<typeof tf.tensor1d>),
    },
  })
  const open = () =>
    compile(
      { a: scalar(5) },
      { f: { inputs: { x: { shape: [2], dtype: 'float32' }, i: { shape: [1], dtype: 'int32' } }, step } },
    )
  const good = { x: Float32Array.of(1, 2), i: Int32Array.of(0) }

  it.each([
    ['a missing input', { x: good.x }, /needs input 'i'/],
    ['an unknown input', { ...good, q: good.x }, /has no input 'q'/],
    ['a wrong type', { ...good, x: Int32Array.of(1, 2) }, /takes float32/],
    ['a wrong shape, which TensorFlow would broadcast', { ...good, x: Float32Array.of(1) }, /takes shape \[2\]/],
    ['an index out of range', { ...good, i: Int32Array.of(99) }, /not in \[0, 3\)/],
  ])('refuses %s, leaves the state alone and goes on', (_case, feeds, message) => {
    const session = open()
    expect(() => session.run('f', feeds)).toThrow(message)
    expect(valuesOf(session.get(), 'a')).toEqual([5])
    session.run('f', good)
    expect(valuesOf(session.get(), 'a')).toEqual([8])
    session.close()
    expect(() => session.run('f', good)).toThrow(/closed/)
  })
  it('lets NaN flow', () => {
    const session = open()
    expect(firstOf(session.run('f', { ...good, x: Float32Array.of(-1, 2) }), 'y')).toBeNaN()
    session.close()
  })
  it('copies what is set: later changes of the array do not reach the state', () => {
    const count = 1 << 16
    const memory = new ArrayBuffer(count * 4 + 64)
    for (let offset = 0; offset < 64; offset += 16) {
      const values = new Float32Array(memory, offset, count).fill(1)
      const session = compile({ a: { type: 'float32', shape: [count], values } }, {})
      session.set({ a: { type: 'float32', shape: [count], values } })
      values.fill(5)
      expect(session.get().a?.values[0]).toBe(1)
      session.close()
    }
  })
  it('refuses state of another shape, and reading uint8 back', () => {
    const session = compile({ data }, {})
    expect(() => session.set({ data: { ...data, shape: [64, 50] } })).toThrow(/uint8 \[50,64\]/)
    expect(() => session.get(['data'])).toThrow(/cannot be read back/)
    expect(session.get()).toEqual({})
    session.close()
  })
})

describe('resources', () => {
  const handles = () => (native as unknown as { getNumOfTensors(): number }).getNumOfTensors()

  it('stay flat over 1,000 steps', () => {
    const { state, step } = networks.mlp
    const session = compile(state, { train: withRows(step) })
    session.run('train', rowsOf(0))
    const before = [tf.memory().numTensors, handles()]
    for (let i = 0; i < 1000; i++) session.run('train', rowsOf(i))
    expect([tf.memory().numTensors, handles()]).toEqual(before)
    session.close()
  })

  it('stay flat over 50 compilations', () => {
    const { state, step } = networks.mlp
    const cycle = () => {
      const session = compile(state, { train: withRows(step) })
      session.run('train', rowsOf(0))
      session.close()
    }
    for (let i = 0; i < 10; i++) cycle()
    const before = [tf.memory().numTensors, handles()]
    const memory = process.memoryUsage().rss
    for (let i = 0; i < 50; i++) cycle()
    expect([tf.memory().numTensors, handles()]).toEqual(before)
    expect((process.memoryUsage().rss - memory) / 2 ** 20).toBeLessThan(60)
  })
})
