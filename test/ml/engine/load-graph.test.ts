import { describe, expect, it } from 'vitest'
import { backend, execute, FLOAT32, handleOf, INT32, typeAttribute } from '../../../src/ml/engine/binding.js'
import { compile } from '../../../src/ml/engine/compile.js'
import { GraphBuilder } from '../../../src/ml/engine/graph.js'
import { loadGraph } from '../../../src/ml/engine/load-graph.js'
import { attr } from '../../../src/ml/engine/proto.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import { at, scalar } from './support.js'

const float = { T: attr.type(FLOAT32) }

describe('a graph that TensorFlow refuses', () => {
  it.each<[string, (graph: GraphBuilder) => void, RegExp]>([
    ['has an unknown operation', (graph) => graph.node('NoSuchOp', []), /NoSuchOp/],
    ['names an input that is not there', (graph) => graph.node('Identity', ['nowhere:0'], float), /nowhere/],
    [
      'mixes types',
      (graph) => graph.node('Neg', [`${graph.constant(INT32, [], Int32Array.of(1))}:0`], float),
      /int32|float/,
    ],
    [
      'multiplies matrices that do not fit',
      (graph) => {
        const matrix = `${graph.constant(FLOAT32, [3, 2], new Float32Array(6))}:0`
        graph.node('MatMul', [matrix, matrix], {
          ...float,
          transpose_a: attr.bool(false),
          transpose_b: attr.bool(false),
        })
      },
      /must be equal/,
    ],
    ['has a name that TensorFlow does not take', (graph) => graph.node('NoOp', [], {}, 'a+b'), /a\+b/],
  ])('%s: ENGINE_FAILED with its text', (_case, write, message) => {
    const graph = new GraphBuilder()
    write(graph)
    expect(() => loadGraph(graph.serialize())).toThrow(expect.objectContaining({ code: 'ENGINE_FAILED' }))
    expect(() => loadGraph(graph.serialize())).toThrow(message)
  })

  it('is no graph at all', () => {
    expect(() => loadGraph(Buffer.from('garbage'))).toThrow(expect.objectContaining({ code: 'ENGINE_FAILED' }))
  })
})

it('an allocation beyond the memory is an error of the call; state and session go on', () => {
  const session = compile(
    { a: scalar(1) },
    {
      fill: {
        inputs: { shape: { shape: [2], dtype: 'int32' } },
        step: ({ state, inputs }) => {
          const attributes = [typeAttribute('T', FLOAT32), typeAttribute('index_type', INT32)]
          const [filled] = execute('Fill', attributes, [handleOf(at(inputs, 'shape')), handleOf(at(state, 'a'))])
          if (!filled) throw new Error('Fill gave no output')
          return { state: { a: tf.add(at(state, 'a'), 1) }, outputs: { y: tf.sum(backend.createOutputTensor(filled)) } }
        },
      },
    },
  )
  expect(() => session.run('fill', { shape: Int32Array.of(400_000, 250_000) })).toThrow(/OOM|alloc/i)
  expect(session.get().a?.values).toEqual(Float32Array.of(1))
  expect(session.run('fill', { shape: Int32Array.of(2, 3) })).toEqual({ y: Float32Array.of(6) })
  session.close()
})
