import type { Tensor1D } from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import { backend, execute, FLOAT32, handleOf, INT32, typeAttribute } from '../../../src/ml/engine/binding.js'
import { compile } from '../../../src/ml/engine/compile.js'
import { GraphBuilder, makeConstants } from '../../../src/ml/engine/graph.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { StepFunction } from '../../../src/ml/engine/types.js'
import { at, scalar, vector } from './support.js'

describe('constants of a graph', () => {
  const write = (values: number[]) => {
    const graph = new GraphBuilder()
    const empty = graph.serialize().length
    const name = tf.tidy(() => makeConstants(graph)(handleOf(tf.tensor1d(values)), [values.length], FLOAT32))
    return { name, bytes: graph.serialize().length - empty }
  }
  const large = (last: number) => [...new Array<number>(9_999).fill(0), last]

  it('are written as Fill where they are large and hold one value', () => {
    const { name, bytes } = write(large(0))
    expect(name).toMatch(/^Fill/)
    expect(bytes).toBeLessThan(500)
  })

  it('are written out where a value differs, if only by its sign', () => {
    for (const last of [1, -0]) {
      const { name, bytes } = write(large(last))
      expect(name).toMatch(/^Const/)
      expect(bytes).toBeGreaterThan(40_000)
    }
  })

  it('are the same node where small ones are equal', () => {
    const graph = new GraphBuilder()
    const constantOf = makeConstants(graph)
    const [a, b, c] = tf.tidy(() => [2, 2, 3].map((value) => constantOf(handleOf(tf.scalar(value)), [], FLOAT32)))
    expect(a).toBe(b)
    expect(c).not.toBe(a)
  })
})

describe('XLA', () => {
  it('is what runs a signature that asks for it', () => {
    const step: StepFunction = ({ state, inputs }) => ({
      outputs: { y: tf.add(tf.gather(at(state, 'a'), at(inputs, 'i') as Tensor1D), 1) },
    })
    const inputs = { i: { shape: [1], dtype: 'int32' } } as const
    const session = compile({ a: vector(1, 2, 3) }, { plain: { inputs, step }, xla: { inputs, step, xla: true } })
    // XLA clamps an index that TensorFlow's own kernel refuses.
    const feeds = { i: Int32Array.of(99) }
    expect(() => session.run('plain', feeds)).toThrow(/not in \[0, 3\)/)
    expect(session.run('xla', feeds)).toEqual({ y: Float32Array.of(4) })
    session.close()
  })

  it('draws the same random numbers as without it', () => {
    const step: StepFunction = ({ state, inputs }) => {
      const shape = handleOf(tf.tensor1d([64], 'int32'))
      const attributes = [typeAttribute('dtype', FLOAT32), typeAttribute('T', INT32), typeAttribute('Tseed', INT32)]
      const [drawn] = execute('StatelessRandomUniform', attributes, [shape, handleOf(at(inputs, 'seed'))])
      if (!drawn) throw new Error('nothing drawn')
      return { outputs: { y: tf.mul(backend.createOutputTensor(drawn), at(state, 'a')) } }
    }
    const inputs = { seed: { shape: [2], dtype: 'int32' } } as const
    const session = compile({ a: scalar(1) }, { plain: { inputs, step }, xla: { inputs, step, xla: true } })
    const draw = (signature: string, seed: number) => session.run(signature, { seed: Int32Array.of(1, seed) }).y
    expect(draw('xla', 5)).toEqual(draw('plain', 5))
    expect(draw('xla', 5)).not.toEqual(draw('xla', 6))
    session.close()
  })
})
