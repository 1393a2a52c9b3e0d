import type { Extent } from './free-batch.js'
import { INT64, Message, nodeMessage, type OnnxAttribute, tensorMessage, valueMessage } from './onnx-proto.js'

/** Version 17 of the operators: what onnxruntime of 2022 and later runs. */
const OPSET = 17
const IR_VERSION = 8

/** Writes the nodes of an ONNX graph; a value is known by its name. */
export class OnnxGraph {
  private readonly nodes: Message[] = []
  private readonly initializers: Message[] = []
  private readonly known = new Map<string, string>()
  private count = 0
  private batch: string | null = null

  constructor(private readonly input: string) {}

  /** @returns the name of the first output */
  node(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    outputs: readonly string[] = [this.unusedName(op)],
  ): string {
    this.nodes.push(nodeMessage(op, inputs, outputs, attributes))
    return outputs[0] ?? ''
  }

  unusedName(prefix: string): string {
    return `${prefix}_${this.count++}`
  }

  constant(type: number, shape: readonly number[], bytes: Uint8Array, name = this.unusedName('constant')): string {
    this.initializers.push(tensorMessage(name, type, shape, bytes))
    return name
  }

  /** int64, which ONNX takes for shapes and axes; equal ones are one constant. */
  integers(values: readonly number[], isScalar = false): string {
    const key = `${isScalar}|${values}`
    const earlier = this.known.get(key)
    if (earlier !== undefined) return earlier
    const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer)
    const name = this.constant(INT64, isScalar ? [] : [values.length], bytes)
    this.known.set(key, name)
    return name
  }

  /** int64 [n] of whole numbers and multiples of the batch. */
  extents(extents: readonly Extent[]): string {
    if (extents.every((extent) => typeof extent === 'number')) return this.integers(extents)
    const parts = extents.map((extent) => {
      if (typeof extent === 'number') return this.integers([extent])
      if (extent.perExample === 1) return this.batchSize()
      return this.node('Mul', [this.batchSize(), this.integers([extent.perExample])])
    })
    return this.node('Concat', parts, { axis: 0 })
  }

  encode(
    input: { readonly type: number; readonly shape: readonly number[] },
    output: { readonly name: string; readonly type: number; readonly shape: readonly number[] },
    metadata: Readonly<Record<string, string>>,
  ): Uint8Array {
    const graph = new Message()
    for (const node of this.nodes) graph.message(1, node)
    graph.text(2, 'espalier')
    for (const initializer of this.initializers) graph.message(5, initializer)
    graph.message(11, valueMessage(this.input, input.type, ['batch', ...input.shape]))
    graph.message(12, valueMessage(output.name, output.type, ['batch', ...output.shape]))
    const model = new Message()
      .integer(1, IR_VERSION)
      .text(2, 'espalier')
      .message(7, graph)
      .message(8, new Message().text(1, '').integer(2, OPSET))
    for (const [key, value] of Object.entries(metadata)) model.message(14, new Message().text(1, key).text(2, value))
    return model.encode()
  }

  /** int64 [1]. */
  private batchSize(): string {
    if (this.batch === null) {
      const shape = this.node('Shape', [this.input])
      this.batch = this.node('Slice', [shape, this.integers([0]), this.integers([1])])
    }
    return this.batch
  }
}
