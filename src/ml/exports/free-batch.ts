import type { Tensor } from '@tensorflow/tfjs-core'
import type { StoredTensors } from '../../formats/safetensors.js'
import { type Trace, type TracedConstant, type TracedNode, trace } from '../engine/trace.js'
import type { Model } from '../models/model.js'

/** Two sizes of which few extents are multiples, and so small that recurrent layers do not split the batch. */
const BATCHES = [11, 13] as const
const INT32 = 3

/** A whole number, or so many times the batch. */
export type Extent = number | { readonly perExample: number }

/** A node whose shape does not depend on the batch, or says how. */
export type FreeNode =
  | (TracedNode & { readonly kind: 'node' })
  /** int32, one entry an extent; `shape` [] or [n]. */
  | {
      readonly kind: 'extents'
      readonly name: string
      readonly extents: readonly Extent[]
      readonly shape: readonly number[]
    }
  /** A tensor of these extents that holds one value. */
  | {
      readonly kind: 'fill'
      readonly name: string
      readonly extents: readonly Extent[]
      readonly constant: TracedConstant
    }

export interface FreeTrace {
  readonly nodes: readonly FreeNode[]
  readonly input: { readonly name: string; readonly shape: readonly number[]; readonly dtype: number }
  readonly output: string
  /** Without the batch. */
  readonly outputShape: readonly number[]
}

/**
 * A model as operations on batches of any size: traced at two sizes, whose differences are put down to the batch.
 * @throws Error where they cannot be: a graph that differs in structure, an attribute or a number that is no multiple of the batch.
 */
export function traceFreely(model: Model, weights: StoredTensors, isId: boolean): FreeTrace {
  const shape = model.layers[0]?.inputShapes[0] ?? []
  const [one, other] = BATCHES.map((batch) =>
    trace(weights, { shape: [batch, ...shape], type: isId ? 'int32' : 'float32' }, (values, x: Tensor) =>
      model.apply(values, x),
    ),
  ) as [Trace, Trace] // two in, two out
  if (one.nodes.length !== other.nodes.length || one.output !== other.output)
    throw new Error('the graph of the model depends on the size of the batch')
  const users = usersOf(one.nodes)
  return {
    nodes: one.nodes.map((node, index) => freed(node, other.nodes[index] ?? node, users.get(node.name) ?? [])),
    input: { name: one.input.name, shape, dtype: one.input.outputs[0]?.dtype ?? INT32 },
    output: one.output,
    outputShape: one.outputShape.slice(1),
  }
}

interface Use {
  readonly node: TracedNode
  readonly place: number
}

function usersOf(nodes: readonly TracedNode[]): Map<string, Use[]> {
  const users = new Map<string, Use[]>()
  for (const node of nodes)
    node.inputs.forEach((input, place) => {
      const name = input.split(':')[0] ?? input
      users.set(name, [...(users.get(name) ?? []), { node, place }])
    })
  return users
}

function freed(node: TracedNode, other: TracedNode, users: readonly Use[]): FreeNode {
  if (node.op !== other.op || node.inputs.join() !== other.inputs.join())
    throw new Error(`the graph of the model depends on the size of the batch at ${node.name}`)
  if (node.constant && other.constant) return freedConstant(node, node.constant, other.constant, users)
  if (node.op !== 'Placeholder' && JSON.stringify(node.attributes) !== JSON.stringify(other.attributes))
    throw new Error(`an attribute of ${node.name} (${node.op}) depends on the size of the batch`)
  return { kind: 'node', ...node }
}

function freedConstant(node: TracedNode, one: TracedConstant, other: TracedConstant, users: readonly Use[]): FreeNode {
  const { name } = node
  if (one.shape.join() !== other.shape.join()) {
    if (!isUniform(one)) throw new Error(`constant ${name} grows with the batch and holds different values`)
    const value = one.bytes.slice(0, 4)
    return {
      ...{ kind: 'fill', name, extents: one.shape.map((extent, axis) => extentOf(extent, other.shape[axis])) },
      constant: { dtype: one.dtype, shape: [], bytes: value },
    }
  }
  if (one.dtype !== INT32) return { kind: 'node', ...node }
  const [values, others] = [integers(one), integers(other)]
  const extents = Array.from(values, (value, index) => extentOf(value, others[index]))
  const varying = extents.flatMap((extent, index) => (typeof extent === 'number' ? [] : [index]))
  if (varying.length === 0) return { kind: 'node', ...node }
  // A reshape finds out one extent by itself.
  if (varying.length === 1 && users.every(({ node: user, place }) => user.op === 'Reshape' && place === 1)) {
    const free = Int32Array.from(values, (value, index) => (index === varying[0] ? -1 : value))
    return { kind: 'node', ...node, constant: { ...one, bytes: new Uint8Array(free.buffer) } }
  }
  return { kind: 'extents', name, extents, shape: one.shape }
}

function extentOf(one: number, other: number | undefined): Extent {
  if (one === other) return one
  const [a, b] = BATCHES
  if (one % a !== 0 || other === undefined || one / a !== other / b)
    throw new Error(`${one} and ${other} are no multiples of the batch sizes ${a} and ${b}`)
  return { perExample: one / a }
}

function integers({ bytes }: TracedConstant): Int32Array {
  return new Int32Array(bytes.slice().buffer)
}

function isUniform({ bytes }: TracedConstant): boolean {
  const words = new Uint32Array(bytes.slice().buffer)
  return words.every((word) => word === words[0])
}
