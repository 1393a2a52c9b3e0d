import { BOOL, FLOAT32, INT32, native } from './binding.js'
import { refusal } from './failure.js'
import { type AttrValue, attr, proto, shapeMessage } from './proto.js'

/** GraphDef version that TensorFlow 2.21 writes; older ones switch off newer checks. */
const PRODUCER = 1645
/** Constants above this many elements that hold one value become `Fill`: tf.zeros and tf.ones are arrays in tfjs. */
const FILL_FROM = 1024
const DEDUPLICATE_BELOW = 4096

export interface Port {
  /** Name of the node. */
  readonly node: string
  readonly shape: readonly number[]
  readonly dtype: number
}

export interface SignaturePorts {
  readonly inputs: ReadonlyMap<string, Port>
  readonly outputs: ReadonlyMap<string, Port>
}

/** Writes nodes of one TensorFlow graph. A reference to an output is `node:index`, to a control dependency `^node`. */
export class GraphBuilder {
  private readonly graph = new proto.GraphDef()
  private readonly signatures = new Map<string, SignaturePorts>()
  private count = 0

  constructor() {
    const version = new proto.VersionDef()
    version.setProducer(PRODUCER)
    this.graph.setVersions(version)
  }

  /** @returns the name of the node */
  node(
    op: string,
    inputs: string[],
    attributes: Readonly<Record<string, AttrValue>> = {},
    name = `${op}_${this.count}`,
  ): string {
    const node = new proto.NodeDef()
    node.setName(name)
    node.setOp(op)
    node.setInputList(inputs)
    for (const [key, value] of Object.entries(attributes)) node.getAttrMap().set(key, value)
    this.graph.addNode(node)
    this.count++
    return name
  }

  /** Equal small constants may become one node, large ones of one value a `Fill`, and long sequences a loop. */
  get compacts(): boolean {
    return true
  }

  /** What a node that was recorded gives: told once it has run. */
  produced(_node: string, _outputs: readonly { readonly shape: readonly number[]; readonly dtype: number }[]): void {}

  /** For a node that others refer to before it is written. */
  unusedName(prefix: string): string {
    return `${prefix}_${this.count++}`
  }

  constant(dtype: number, shape: readonly number[], values: ArrayBufferView, inputs: string[] = []): string {
    return this.node('Const', inputs, { dtype: attr.type(dtype), value: attr.tensor(dtype, shape, values) })
  }

  addSignature(name: string, ports: SignaturePorts): void {
    this.signatures.set(name, ports)
  }

  /** Bytes of `saved_model.pb`. */
  serialize(): Uint8Array {
    const meta = new proto.MetaGraphDef()
    const info = new proto.MetaGraphDef.MetaInfoDef()
    info.setTagsList(['serve'])
    meta.setMetaInfoDef(info)
    meta.setGraphDef(this.graph)
    for (const [name, { inputs, outputs }] of this.signatures) {
      const signature = new proto.SignatureDef()
      signature.setMethodName('tensorflow/serving/predict')
      for (const [key, port] of inputs) signature.getInputsMap().set(key, tensorInfo(port))
      for (const [key, port] of outputs) signature.getOutputsMap().set(key, tensorInfo(port))
      meta.getSignatureDefMap().set(name, signature)
    }
    const model = new proto.SavedModel()
    model.setSavedModelSchemaVersion(1)
    model.setMetaGraphsList([meta])
    return model.serializeBinary()
  }
}

function tensorInfo({ node, shape, dtype }: Port) {
  const info = new proto.TensorInfo()
  info.setName(`${node}:0`)
  info.setDtype(dtype)
  info.setTensorShape(shapeMessage(shape))
  return info
}

/** Constants of one recording: equal small ones share a node, large uniform ones become `Fill`. */
export function makeConstants(graph: GraphBuilder) {
  const known = new Map<string, string>()
  return (id: number, shape: readonly number[], dtype: number): string => {
    if (dtype !== FLOAT32 && dtype !== INT32 && dtype !== BOOL)
      throw refusal(`a constant of TensorFlow type ${dtype} cannot be part of a step`)
    const values = native.tensorDataSync(id)
    const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength)
    const key =
      graph.compacts && values.length < DEDUPLICATE_BELOW ? `${dtype}|${shape}|${bytes.toString('base64')}` : null
    const earlier = key === null ? undefined : known.get(key)
    if (earlier !== undefined) return earlier
    const reference = `${graph.compacts && values.length > FILL_FROM && isUniform(values) ? fill(graph, dtype, shape, values) : graph.constant(dtype, shape, values)}:0`
    if (key !== null) known.set(key, reference)
    return reference
  }
}

function fill(
  graph: GraphBuilder,
  dtype: number,
  shape: readonly number[],
  values: Float32Array | Int32Array | Uint8Array,
): string {
  const dims = graph.constant(INT32, [shape.length], Int32Array.from(shape))
  const value = graph.constant(dtype, [], values.slice(0, 1))
  return graph.node('Fill', [`${dims}:0`, `${value}:0`], { T: attr.type(dtype), index_type: attr.type(INT32) })
}

/** By `Object.is`: 0 and −0 differ, NaN equals itself. */
export function isUniform(values: ArrayLike<number>): boolean {
  for (let i = 1; i < values.length; i++) if (!Object.is(values[i], values[0])) return false
  return true
}
