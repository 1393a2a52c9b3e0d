import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Tensor } from '@tensorflow/tfjs-core'
import { EspalierError } from '../../errors.js'
import type { StoredTensor, StoredTensors } from '../../formats/safetensors.js'
import { handleOf, INT32, native } from './binding.js'
import { GraphBuilder, type Port, type SignaturePorts } from './graph.js'
import { isOpaque, nativeType, upload } from './opaque.js'
import { attr } from './proto.js'
import { record } from './recorder.js'
import { makeSession, type StateNodes } from './session.js'
import { tf } from './tensorflow.js'
import type { Session, SignatureSpec } from './types.js'

/** What TensorFlow accepts as the name of a node. */
const NODE_NAME = /^[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*$/

/**
 * Records each signature once, writes one graph whose variables are the state, and loads it into a TensorFlow session.
 * The state has the given values on return. From then on one `run` is one native call.
 * @throws ENGINE_FAILED for a step that cannot be recorded, or with TensorFlow's text for a graph that it refuses.
 */
export function compile(state: StoredTensors, signatures: Readonly<Record<string, SignatureSpec>>): Session {
  const graph = new GraphBuilder()
  const nodes = new Map(Object.entries(state).map(([name, tensor]) => [name, declareState(graph, name, tensor)]))
  const tensors = Object.fromEntries(Object.entries(state).map(([name, tensor]) => [name, upload(tensor)]))
  try {
    const ports = new Map(
      Object.entries(signatures).map(([name, spec]) => [name, recordSignature(graph, nodes, tensors, name, spec)]),
    )
    const session = makeSession(load(graph), nodes, ports)
    try {
      session.set(state)
    } catch (error) {
      session.close()
      throw error
    }
    return session
  } finally {
    tf.dispose(tensors)
  }
}

function declareState(graph: GraphBuilder, name: string, { type, shape }: StoredTensor): StateNodes {
  if (!NODE_NAME.test(name))
    throw new EspalierError('ENGINE_FAILED', `state name '${name}' is not a TensorFlow node name`)
  const dtype = nativeType(type)
  const attributes = { dtype: attr.type(dtype), shape: attr.shape(shape) }
  const handle = graph.node(
    'VarHandleOp',
    [],
    { ...attributes, shared_name: attr.string(name), container: attr.string('') },
    `var/${name}`,
  )
  const feed = graph.node('Placeholder', [], attributes, `set/${name}`)
  // An aligned feed shares its memory with the JavaScript array; without the copy the variable would alias it.
  const copy = graph.node('DeepCopy', [feed], { T: attributes.dtype })
  const assign = graph.node('AssignVariableOp', [handle, copy], { dtype: attributes.dtype })
  // The binding can fetch tensors, not run operations: a constant that waits for the assignment.
  const done = graph.constant(INT32, [], Int32Array.of(1), [`^${assign}`])
  const get = graph.node('ReadVariableOp', [handle], { dtype: attributes.dtype }, `get/${name}`)
  return { type, shape, dtype, handle, feed, done, get }
}

function recordSignature(
  graph: GraphBuilder,
  nodes: ReadonlyMap<string, StateNodes>,
  state: Readonly<Record<string, Tensor>>,
  name: string,
  { inputs, step, xla = false }: SignatureSpec,
): SignaturePorts {
  const known = new Map<number, string>()
  const reads = new Map<string, string>()
  for (const [key, { handle, dtype }] of nodes) {
    const read = graph.node('ReadVariableOp', [handle], { dtype: attr.type(dtype) }, `${name}/read/${key}`)
    reads.set(key, read)
    known.set(handleOf(stateTensor(state, key)), `${read}:0`)
  }
  tf.engine().startScope()
  try {
    const inputPorts = new Map<string, Port>()
    const examples: Record<string, Tensor> = {}
    for (const [key, { shape, dtype }] of Object.entries(inputs)) {
      const port = { node: `${name}/${key}`, shape, dtype: nativeType(dtype) }
      graph.node('Placeholder', [], { dtype: attr.type(port.dtype), shape: attr.shape(shape) }, port.node)
      examples[key] = tf.zeros([...shape], dtype)
      known.set(handleOf(examples[key]), `${port.node}:0`)
      inputPorts.set(key, port)
    }
    const { result, reference } = record(graph, known, xla ? `jit_${name}` : null, () =>
      step({ state, inputs: examples }),
    )
    const referTo = (tensor: Tensor) => reference(handleOf(tensor), tensor.shape, dtypeOf(tensor))
    const updates = Object.entries(result.state ?? {}).map(([key, tensor]) => ({ key, tensor, from: referTo(tensor) }))
    const outputs = Object.entries(result.outputs).map(([key, tensor]) => ({ key, tensor, from: referTo(tensor) }))
    // All or nothing: no variable is written before every new value and every output exists.
    const gate = graph.node('NoOp', [...new Set([...updates, ...outputs].map(({ from }) => `^${from.split(':')[0]}`))])
    const assignments = updates.flatMap(({ key, tensor, from }) =>
      assign(graph, nodes, reads, gate, name, key, tensor, from),
    )
    const outputPorts = new Map<string, Port>()
    for (const { key, tensor, from } of outputs) {
      const port = { node: `${name}/out/${key}`, shape: tensor.shape, dtype: dtypeOf(tensor) }
      graph.node('Identity', [from, ...assignments.map((node) => `^${node}`)], { T: attr.type(port.dtype) }, port.node)
      outputPorts.set(key, port)
    }
    if (outputPorts.size === 0)
      throw new EspalierError(
        'ENGINE_FAILED',
        `signature '${name}' has no output; the binding can run only what it fetches`,
      )
    const ports = { inputs: inputPorts, outputs: outputPorts }
    graph.addSignature(name, ports)
    return ports
  } finally {
    tf.engine().endScope()
  }
}

function assign(
  graph: GraphBuilder,
  nodes: ReadonlyMap<string, StateNodes>,
  reads: ReadonlyMap<string, string>,
  gate: string,
  signature: string,
  key: string,
  tensor: Tensor,
  from: string,
): string[] {
  const variable = nodes.get(key)
  const read = reads.get(key)
  if (!variable || read === undefined)
    throw new EspalierError('ENGINE_FAILED', `signature '${signature}' returns state '${key}', which was not declared`)
  if (from === `${read}:0`) return []
  if (String(tensor.shape) !== String(variable.shape) || isOpaque(tensor) || dtypeOf(tensor) !== variable.dtype)
    throw new EspalierError(
      'ENGINE_FAILED',
      `signature '${signature}' changes state '${key}' from ${variable.type} [${variable.shape}] to ${tensor.dtype} [${tensor.shape}]`,
    )
  // `^read`: the old value is taken before it is overwritten.
  return [
    graph.node('AssignVariableOp', [variable.handle, from, `^${read}`, `^${gate}`], {
      dtype: attr.type(variable.dtype),
    }),
  ]
}

function dtypeOf(tensor: Tensor): number {
  if (tensor.dtype === 'float32' || tensor.dtype === 'int32') return nativeType(tensor.dtype)
  throw new EspalierError('ENGINE_FAILED', `state and outputs are float32 or int32, not ${tensor.dtype}: cast it`)
}

function stateTensor(state: Readonly<Record<string, Tensor>>, key: string): Tensor {
  const tensor = state[key]
  if (!tensor) throw new Error(`no state ${key}`)
  return tensor
}

/** The loader takes a folder; it may go as soon as the graph is in the session. */
function load(graph: GraphBuilder): number {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'espalier-graph-'))
  try {
    writeFileSync(path.join(folder, 'saved_model.pb'), graph.serialize())
    return native.loadSavedModel(folder, 'serve')
  } catch (cause) {
    throw new EspalierError(
      'ENGINE_FAILED',
      `TensorFlow refused the graph: ${cause instanceof Error ? cause.message : String(cause)}`,
      [],
      { cause },
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
