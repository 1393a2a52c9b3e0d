import type { Tensor } from '@tensorflow/tfjs-core'
import type { StoredTensor, StoredTensors } from '../../formats/safetensors.js'
import { FLOAT32, handleOf, INT32 } from './binding.js'
import { refusal } from './failure.js'
import { checkOutput, checkUpdate } from './feeds.js'
import { GraphBuilder, type Port } from './graph.js'
import { joinOutputs } from './joined-outputs.js'
import { loadGraph } from './load-graph.js'
import { nativeType, upload } from './opaque.js'
import { attr } from './proto.js'
import { record } from './recorder.js'
import { type CallPorts, makeSession, type StateNodes } from './session.js'
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
    const session = makeSession(loadGraph(graph.serialize()), nodes, signatures, ports)
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
  if (!NODE_NAME.test(name)) throw refusal(`state name '${name}' is not a TensorFlow node name`)
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
): CallPorts {
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
    const { updates, outputs, places } = record(graph, known, xla ? `jit_${name}` : null, (referenceOf) => {
      const result = step({ state, inputs: examples })
      for (const [key, tensor] of Object.entries(result.outputs)) checkOutput(name, key, tensor)
      const { fetched, places } = joinOutputs(result.outputs)
      return {
        updates: Object.entries(result.state ?? {}).map(([key, tensor]) => {
          checkUpdate(name, key, nodes.get(key), tensor)
          return { key, from: referenceOf(tensor) }
        }),
        outputs: fetched.map((tensor, index) => ({
          port: {
            node: `${name}/out/${index}`,
            shape: tensor.shape,
            dtype: tensor.dtype === 'int32' ? INT32 : FLOAT32,
          },
          from: referenceOf(tensor),
        })),
        places,
      }
    })
    if (outputs.length === 0)
      throw refusal(`signature '${name}' has no output; the binding can run only what it fetches`)
    // All or nothing: no variable is written before every new value and every output exists.
    const gate = graph.node('NoOp', [...new Set([...updates, ...outputs].map(({ from }) => `^${from.split(':')[0]}`))])
    const assignments = updates.flatMap(({ key, from }) => assign(graph, nodes.get(key), reads.get(key), gate, from))
    for (const { port, from } of outputs)
      graph.node('Identity', [from, ...assignments.map((node) => `^${node}`)], { T: attr.type(port.dtype) }, port.node)
    const outputPorts = new Map(outputs.map(({ port }) => [port.node, port]))
    const ports = { inputs: inputPorts, outputs: outputPorts, places }
    graph.addSignature(name, ports)
    return ports
  } finally {
    tf.engine().endScope()
  }
}

/** The assignment of a new value; none for state that the step hands through. */
function assign(
  graph: GraphBuilder,
  variable: StateNodes | undefined,
  read: string | undefined,
  gate: string,
  from: string,
): string[] {
  if (!variable || read === undefined || from === `${read}:0`) return []
  // `^read`: the old value is taken before it is overwritten.
  const inputs = [variable.handle, from, `^${read}`, `^${gate}`]
  return [graph.node('AssignVariableOp', inputs, { dtype: attr.type(variable.dtype) })]
}

function stateTensor(state: Readonly<Record<string, Tensor>>, key: string): Tensor {
  const tensor = state[key]
  if (!tensor) throw new Error(`no state ${key}`)
  return tensor
}
