/** A message of the wire format of protocol buffers, written field by field. @see https://protobuf.dev/programming-guides/encoding */
export class Message {
  private readonly parts: Uint8Array[] = []

  integer(field: number, value: number): this {
    this.key(field, 0)
    // Negative numbers take ten bytes: the two's complement of 64 bits.
    return this.varint(value < 0 ? BigInt.asUintN(64, BigInt(value)) : BigInt(value))
  }

  float(field: number, value: number): this {
    this.key(field, 5)
    this.parts.push(new Uint8Array(Float32Array.of(value).buffer))
    return this
  }

  bytes(field: number, value: Uint8Array): this {
    this.key(field, 2)
    this.varint(BigInt(value.byteLength))
    this.parts.push(value)
    return this
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value))
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.encode())
  }

  encode(): Uint8Array {
    const whole = new Uint8Array(this.parts.reduce((sum, part) => sum + part.byteLength, 0))
    let at = 0
    for (const part of this.parts) {
      whole.set(part, at)
      at += part.byteLength
    }
    return whole
  }

  private key(field: number, wire: number): void {
    this.varint(BigInt((field << 3) | wire))
  }

  private varint(value: bigint): this {
    const bytes: number[] = []
    let rest = value
    do {
      const low = Number(rest & 0x7fn)
      rest >>= 7n
      bytes.push(rest > 0n ? low | 0x80 : low)
    } while (rest > 0n)
    this.parts.push(Uint8Array.from(bytes))
    return this
  }
}

/** `TensorProto.DataType`. */
export const FLOAT = 1
export const INT32 = 6
export const INT64 = 7
export const BOOL = 9

export type OnnxAttribute = number | { readonly float: number } | string | readonly number[]

/** Fields of onnx.proto3, as far as they are needed. */
export function nodeMessage(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, OnnxAttribute>>,
): Message {
  const node = new Message()
  for (const input of inputs) node.text(1, input)
  for (const output of outputs) node.text(2, output)
  node.text(4, op)
  for (const [name, value] of Object.entries(attributes)) node.message(5, attributeMessage(name, value))
  return node
}

function attributeMessage(name: string, value: OnnxAttribute): Message {
  const attribute = new Message().text(1, name)
  if (typeof value === 'number') return attribute.integer(3, value).integer(20, 2)
  if (typeof value === 'string') return attribute.text(4, value).integer(20, 3)
  if ('float' in value) return attribute.float(2, value.float).integer(20, 1)
  for (const item of value) attribute.integer(8, item)
  return attribute.integer(20, 7)
}

export function tensorMessage(name: string, type: number, shape: readonly number[], bytes: Uint8Array): Message {
  const tensor = new Message()
  for (const extent of shape) tensor.integer(1, extent)
  return tensor.integer(2, type).text(8, name).bytes(9, bytes)
}

/** `batch` stands for the size of the batch. */
export function valueMessage(name: string, type: number, shape: readonly (number | 'batch')[]): Message {
  const dims = new Message()
  for (const extent of shape)
    dims.message(1, extent === 'batch' ? new Message().text(2, extent) : new Message().integer(1, extent))
  const tensor = new Message().integer(1, type).message(2, dims)
  return new Message().text(1, name).message(2, new Message().message(1, tensor))
}
