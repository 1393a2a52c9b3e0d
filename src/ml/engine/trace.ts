import type { Tensor } from '@tensorflow/tfjs-core'
import type { StoredTensor, StoredTensors } from '../../formats/safetensors.js'
import { handleOf } from './binding.js'
import { GraphBuilder } from './graph.js'
import { nativeType, upload } from './opaque.js'
import { type AttrData, type AttrValue, attr, dataOf } from './proto.js'
import { record } from './recorder.js'
import { tf } from './tensorflow.js'
import type { Tensors } from './types.js'

/** A tensor as TensorFlow types it; values row-major. */
export interface TracedConstant {
  readonly dtype: number
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

/** One operation of a function. Inputs are `node:index`. */
export interface TracedNode {
  readonly name: string
  readonly op: string
  readonly inputs: readonly string[]
  readonly attributes: Readonly<Record<string, AttrData>>
  /** The same attributes as TensorFlow stores them. */
  readonly encoded: Readonly<Record<string, AttrValue>>
  readonly outputs: readonly { readonly shape: readonly number[]; readonly dtype: number }[]
  /** Of a `Const`. */
  readonly constant: TracedConstant | null
}

export interface Trace {
  readonly nodes: readonly TracedNode[]
  /** The placeholder of the input. */
  readonly input: TracedNode
  /** Reference to the result, its shape and dtype. */
  readonly output: string
  readonly outputShape: readonly number[]
}

/** Keeps the nodes as data, and each constant as a node of its own, so that two recordings can be compared. */
class TraceBuilder extends GraphBuilder {
  readonly nodes: (Omit<TracedNode, 'outputs'> & { outputs: TracedNode['outputs'] })[] = []

  override get compacts(): boolean {
    return false
  }

  override node(
    op: string,
    inputs: string[],
    attributes: Readonly<Record<string, AttrValue>> = {},
    name?: string,
  ): string {
    const node = super.node(op, inputs, attributes, name)
    const plain = Object.entries(attributes).flatMap(([key, value]) => {
      const found = dataOf(value)
      return found === undefined ? [] : [[key, found] as const]
    })
    this.nodes.push({
      ...{ name: node, op, inputs, encoded: attributes, outputs: [], constant: null },
      attributes: Object.fromEntries(plain),
    })
    return node
  }

  override produced(node: string, outputs: TracedNode['outputs']): void {
    const last = this.nodes.at(-1)
    if (last?.name === node) last.outputs = outputs.map(({ shape, dtype }) => ({ shape, dtype }))
  }

  override constant(dtype: number, shape: readonly number[], values: ArrayBufferView, inputs: string[] = []): string {
    const node = super.constant(dtype, shape, values, inputs)
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice()
    const index = this.nodes.length - 1
    const before = this.nodes[index]
    if (before) this.nodes[index] = { ...before, outputs: [{ shape, dtype }], constant: { dtype, shape, bytes } }
    return node
  }
}

/**
 * The operations of a function of one tensor, with its weights as constants; it runs once, on zeros.
 * @throws ENGINE_FAILED for what cannot be recorded, as `compile`
 */
export function trace(
  weights: StoredTensors,
  input: { readonly shape: readonly number[]; readonly type: StoredTensor['type'] },
  apply: (weights: Tensors, input: Tensor) => Tensor,
): Trace {
  const graph = new TraceBuilder()
  const known = new Map<number, string>()
  const tensors = Object.fromEntries(Object.entries(weights).map(([name, tensor]) => [name, upload(tensor)]))
  tf.engine().startScope()
  try {
    for (const [name, { type, shape, values }] of Object.entries(weights)) {
      const tensor = tensors[name]
      if (tensor) known.set(handleOf(tensor), `${graph.constant(nativeType(type), shape, values)}:0`)
    }
    const dtype = nativeType(input.type)
    const placeholder = graph.node(
      'Placeholder',
      [],
      { dtype: attr.type(dtype), shape: attr.shape(input.shape) },
      'input_0',
    )
    graph.produced(placeholder, [{ shape: input.shape, dtype }])
    const x = tf.zeros([...input.shape], input.type === 'float32' ? 'float32' : 'int32')
    known.set(handleOf(x), `${placeholder}:0`)
    const { output, shape } = record(graph, known, null, (referenceOf) => {
      const result = apply(tensors, x)
      return { output: referenceOf(result), shape: result.shape }
    })
    const nodes = graph.nodes
    const source = nodes.find(({ name }) => name === placeholder)
    if (!source) throw new Error('the trace has lost its input')
    return { nodes, input: source, output, outputShape: shape }
  } finally {
    tf.engine().endScope()
    tf.dispose(tensors)
  }
}
