import { createRequire } from 'node:module'
import { native, type OpAttribute } from './binding.js'

/** Message classes that tfjs-node generated from TensorFlow's .proto files. They carry setters alone, typed here as far as they are used. */
interface Message {
  serializeBinary(): Uint8Array
}
interface MapField<T> {
  set(key: string, value: T): void
}
export interface AttrValue extends Message {
  setType(dtype: number): void
  setI(value: number): void
  setF(value: number): void
  setB(value: boolean): void
  setS(base64: string): void
  setShape(shape: Message): void
  setTensor(tensor: Message): void
  setList(list: Message): void
}
export interface NodeDef extends Message {
  setName(name: string): void
  setOp(op: string): void
  setInputList(inputs: string[]): void
  getAttrMap(): MapField<AttrValue>
}
export interface GraphDef extends Message {
  addNode(node: NodeDef): void
  setVersions(version: Message): void
}
interface TensorInfo extends Message {
  setName(name: string): void
  setDtype(dtype: number): void
  setTensorShape(shape: Message): void
}
interface Classes {
  GraphDef: new () => GraphDef
  NodeDef: new () => NodeDef
  VersionDef: new () => Message & { setProducer(version: number): void }
  AttrValue: (new () => AttrValue) & {
    ListValue: new () => Message & {
      setIList(v: unknown): void
      setFList(v: unknown): void
      setBList(v: unknown): void
      setTypeList(v: unknown): void
    }
  }
  TensorShape: (new () => Message & { setDimList(dims: Message[]): void }) & {
    Dim: new () => Message & { setSize(size: number): void }
  }
  Tensor: new () => Message & {
    setDtype(d: number): void
    setTensorShape(s: Message): void
    setTensorContent(base64: string): void
  }
  TensorInfo: new () => TensorInfo
  SignatureDef: new () => Message & {
    setMethodName(name: string): void
    getInputsMap(): MapField<TensorInfo>
    getOutputsMap(): MapField<TensorInfo>
  }
  MetaGraphDef: (new () => Message & {
    setMetaInfoDef(info: Message): void
    setGraphDef(graph: GraphDef): void
    getSignatureDefMap(): MapField<Message>
  }) & {
    MetaInfoDef: new () => Message & { setTagsList(tags: string[]): void }
  }
  SavedModel: new () => Message & {
    setSavedModelSchemaVersion(version: number): void
    setMetaGraphsList(graphs: Message[]): void
  }
}

const generated = createRequire(import.meta.url)('@tensorflow/tfjs-node-gpu/dist/proto/api_pb.js') as {
  tensorflow?: Classes
}
/** The generated file exports its classes in some versions and hangs them on a global in others. */
const found = generated.tensorflow ?? (globalThis as unknown as { proto?: { tensorflow?: Classes } }).proto?.tensorflow
if (!found) throw new Error('tfjs-node has no protobuf classes')
export const proto: Classes = found

export function shapeMessage(shape: readonly number[]): Message {
  const message = new proto.TensorShape()
  message.setDimList(
    shape.map((size) => {
      const dim = new proto.TensorShape.Dim()
      dim.setSize(size)
      return dim
    }),
  )
  return message
}

/** An attribute as plain data, for those who read a graph: lists as arrays. */
export type AttrData = number | boolean | string | readonly number[] | readonly boolean[]

const data = new WeakMap<AttrValue, AttrData>()

/** What an attribute that `attr` has made says; undefined for a tensor. */
export function dataOf(value: AttrValue): AttrData | undefined {
  return data.get(value)
}

function attribute(fill: (value: AttrValue) => void, plain?: AttrData): AttrValue {
  const value = new proto.AttrValue()
  fill(value)
  if (plain !== undefined) data.set(value, plain)
  return value
}

export const attr = {
  type: (dtype: number) => attribute((value) => value.setType(dtype), dtype),
  integer: (value: number) => attribute((message) => message.setI(value), value),
  bool: (flag: boolean) => attribute((value) => value.setB(flag), flag),
  string: (text: string) => attribute((value) => value.setS(Buffer.from(text).toString('base64')), text),
  shape: (shape: readonly number[]) => attribute((value) => value.setShape(shapeMessage(shape)), shape),
  tensor: (dtype: number, shape: readonly number[], values: ArrayBufferView) =>
    attribute((value) => {
      const tensor = new proto.Tensor()
      tensor.setDtype(dtype)
      tensor.setTensorShape(shapeMessage(shape))
      tensor.setTensorContent(Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64'))
      value.setTensor(tensor)
    }),
  /** An attribute as tfjs-node passes it to `executeOp`. */
  of: ({ name, type, value }: OpAttribute): AttrValue =>
    attribute((message) => {
      if (Array.isArray(value)) {
        const list = new proto.AttrValue.ListValue()
        if (type === native.TF_ATTR_INT) list.setIList(value)
        else if (type === native.TF_ATTR_FLOAT) list.setFList(value)
        else if (type === native.TF_ATTR_BOOL) list.setBList(value)
        else if (type === native.TF_ATTR_TYPE) list.setTypeList(value)
        else if (type === native.TF_ATTR_SHAPE) return message.setShape(shapeMessage(value as number[]))
        else throw new Error(`attribute ${name}: a list of type ${type}`)
        message.setList(list)
      } else if (type === native.TF_ATTR_STRING) message.setS(Buffer.from(String(value)).toString('base64'))
      else if (type === native.TF_ATTR_INT) message.setI(Number(value))
      else if (type === native.TF_ATTR_FLOAT) message.setF(Number(value))
      else if (type === native.TF_ATTR_BOOL) message.setB(Boolean(value))
      else if (type === native.TF_ATTR_TYPE) message.setType(Number(value))
      else throw new Error(`attribute ${name}: type ${type}`)
    }, value as AttrData), // one of the types that the branches take
}
