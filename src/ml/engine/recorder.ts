import { EspalierError } from '../../errors.js'
import { backend, type NativeBinding, native } from './binding.js'
import { type GraphBuilder, isUniform, makeConstants } from './graph.js'
import { attr } from './proto.js'
import { tf } from './tensorflow.js'

/** TensorFlow's XLA kernels of these draw other numbers than its own: they stay outside of XLA clusters, so that both give equal bits. */
const OUTSIDE_XLA = /^(Stateless|Bitcast)/
/** A non-uniform constant above this many elements that was made in JavaScript during the step is taken for frozen randomness. */
const FROZEN_ABOVE = 64

export interface Recording<T> {
  readonly result: T
  /** Reference `node:index` of a tensor that the recorded function returned. */
  reference(id: number, shape: readonly number[], dtype: number): string
}

/**
 * Runs `work` once, eagerly, and turns every operation that it executes into a node. `known` maps native handles (state, inputs) to references.
 * @throws ENGINE_FAILED when the work cannot be replayed: it uses a tensor from outside of its state and inputs, holds a large constant that looks like
 * randomness drawn in JavaScript, or reads a computed value back to the host.
 */
export function record<T>(
  graph: GraphBuilder,
  known: Map<number, string>,
  xlaScope: string | null,
  work: () => T,
): Recording<T> {
  const info = new Map<number, { shape: readonly number[]; dtype: number }>()
  const made = new Set<number>()
  const constants = new Set<string>()
  const constantOf = makeConstants(graph)
  const stockIds = backend.getInputTensorIds
  const firstOwn = tf.tidy(() => tf.scalar(0).id)

  function inputReference(op: string, id: number): string {
    const reference = known.get(id)
    if (reference !== undefined) return reference
    const tensor = info.get(id)
    if (!tensor || !made.has(id)) {
      const shape = tensor ? `[${tensor.shape}]` : 'of unknown shape'
      throw new EspalierError(
        'ENGINE_FAILED',
        `the step captures a tensor ${shape} (in ${op}) that is neither its state nor its input: it would be frozen into the graph. Pass it as state.`,
      )
    }
    const elements = tensor.shape.reduce((a, b) => a * b, 1)
    if (elements > FROZEN_ABOVE && !isUniform(native.tensorDataSync(id)))
      throw new EspalierError(
        'ENGINE_FAILED',
        `the step makes a constant [${tensor.shape}] (in ${op}) whose values differ: randomness drawn in JavaScript would be frozen into the graph. Use a stateless random operation.`,
      )
    const made_ = constantOf(id, tensor.shape, tensor.dtype)
    constants.add(made_)
    known.set(id, made_)
    return made_
  }

  const overrides = {
    executeOp: ((op, attributes, inputs, outputs) => {
      const results = native.executeOp(op, attributes, inputs, outputs)
      const references = inputs.map((id) => inputReference(op, id))
      const nodeAttributes = Object.fromEntries(attributes.map((attribute) => [attribute.name, attr.of(attribute)]))
      if (xlaScope !== null && !OUTSIDE_XLA.test(op)) {
        nodeAttributes._XlaCompile = attr.bool(true)
        nodeAttributes._XlaScope = attr.string(xlaScope)
      }
      const node = graph.node(op, references, nodeAttributes)
      results.forEach((result, index) => {
        known.set(result.id, `${node}:${index}`)
      })
      return results
    }) satisfies NativeBinding['executeOp'],
    createTensor: ((shape, dtype, values) => {
      const id = native.createTensor(shape, dtype, values)
      info.set(id, { shape: [...shape], dtype })
      made.add(id)
      return id
    }) satisfies NativeBinding['createTensor'],
    tensorDataSync: ((id) => {
      const reference = known.get(id)
      if (reference !== undefined && !constants.has(reference))
        throw new EspalierError(
          'ENGINE_FAILED',
          'the step reads a computed value back to the host: a recorded step must stay within tensors',
        )
      return native.tensorDataSync(id)
    }) satisfies NativeBinding['tensorDataSync'],
  }
  // The addon's own properties are read-only: new ones are defined in front of them, the rest is inherited.
  const recording: NativeBinding = Object.create(native, Object.getOwnPropertyDescriptors(overrides))

  backend.binding = recording
  backend.getInputTensorIds = (tensors) => {
    const ids = stockIds.call(backend, tensors)
    ids.forEach((id, index) => {
      // tfjs uploads values when they are first used: a tensor from outside may only now have got its handle.
      if ((tensors[index]?.id ?? 0) < firstOwn) made.delete(id)
      const shape = tensors[index]?.shape
      if (shape && !info.has(id)) info.set(id, { shape, dtype: 0 })
    })
    return ids
  }
  try {
    const result = work()
    return { result, reference: (id, shape, dtype) => known.get(id) ?? constantOf(id, shape, dtype) }
  } finally {
    backend.binding = native
    backend.getInputTensorIds = stockIds
  }
}
