import { zipSync } from 'fflate'
import { FLOAT32, INT32 } from '../engine/binding.js'
import { GraphBuilder } from '../engine/graph.js'
import { attr } from '../engine/proto.js'
import type { ModelCard } from './card.js'
import type { Extent, FreeNode, FreeTrace } from './free-batch.js'

/** The same weights give the same bytes. */
const ZIP_DATE = new Date('2020-01-01T00:00:00Z')

/**
 * A TensorFlow SavedModel as a zip of its folder: one signature, `serving_default`, from `input_0` [batch, …] to `output_0`, for batches
 * of any size. Weights are constants of the graph.
 */
export function encodeSavedModel(trace: FreeTrace, card: ModelCard): Uint8Array {
  const graph = new GraphBuilder()
  const writer = new FreeWriter(graph, trace.input)
  for (const node of trace.nodes) writer.write(node)
  graph.node('Identity', [trace.output], { T: attr.type(FLOAT32) }, 'output_0')
  graph.addSignature('serving_default', {
    inputs: new Map([
      ['input_0', { node: trace.input.name, shape: [-1, ...trace.input.shape], dtype: trace.input.dtype }],
    ]),
    outputs: new Map([['output_0', { node: 'output_0', shape: [-1, ...trace.outputShape], dtype: FLOAT32 }]]),
  })
  return zipSync(
    {
      'saved_model.pb': graph.serialize(),
      'variables/': new Uint8Array(),
      'assets.extra/model-card.json': new TextEncoder().encode(`${JSON.stringify(card, null, 2)}
`),
    },
    { level: 0, mtime: ZIP_DATE },
  )
}

/** Writes nodes, and where one asks for the size of the batch, the nodes that find it out. */
class FreeWriter {
  private batch: string | null = null
  private count = 0

  constructor(
    private readonly graph: GraphBuilder,
    private readonly input: FreeTrace['input'],
  ) {}

  write(node: FreeNode): void {
    if (node.kind === 'extents') this.extents(node.extents, node.shape, node.name)
    else if (node.kind === 'fill') this.fill(node)
    else this.node(node)
  }

  private fill(node: Extract<FreeNode, { kind: 'fill' }>): void {
    const dims = `${node.name}/dims`
    this.extents(node.extents, [node.extents.length], dims)
    const { dtype, shape, bytes } = node.constant
    const value = this.constant(dtype, shape, bytes)
    const attributes = { T: attr.type(dtype), index_type: attr.type(INT32) }
    this.graph.node('Fill', [`${dims}:0`, value], attributes, node.name)
  }

  private node(node: Extract<FreeNode, { kind: 'node' }>): void {
    const { op, inputs, name, constant } = node
    if (constant) {
      const { dtype, shape, bytes } = constant
      const value = attr.tensor(dtype, shape, bytes)
      this.graph.node(op, [...inputs], { dtype: attr.type(dtype), value }, name)
    } else if (op === 'Placeholder') {
      const [{ shape = [], dtype = FLOAT32 } = {}] = node.outputs
      this.graph.node(op, [], { dtype: attr.type(dtype), shape: attr.shape([-1, ...shape.slice(1)]) }, name)
    } else this.graph.node(op, [...inputs], node.encoded, name)
  }

  private extents(extents: readonly Extent[], shape: readonly number[], name: string): void {
    const parts = extents.map((extent) => this.extent(extent))
    if (shape.length === 0) {
      this.graph.node('Identity', [parts[0] ?? ''], { T: attr.type(INT32) }, name)
      return
    }
    const attributes = { N: attr.integer(parts.length), T: attr.type(INT32), axis: attr.integer(0) }
    this.graph.node('Pack', parts, attributes, name)
  }

  private extent(extent: Extent): string {
    if (typeof extent === 'number') return this.integers([], extent)
    if (extent.perExample === 1) return this.batchSize()
    const product = [this.batchSize(), this.integers([], extent.perExample)]
    return `${this.graph.node('Mul', product, { T: attr.type(INT32) }, this.ownName('product'))}:0`
  }

  private batchSize(): string {
    if (this.batch !== null) return this.batch
    const types = { T: attr.type(this.input.dtype), out_type: attr.type(INT32) }
    const shape = this.graph.node('Shape', [`${this.input.name}:0`], types, this.ownName('shape'))
    const masks = ['begin_mask', 'end_mask', 'ellipsis_mask', 'new_axis_mask'].map((mask) => [mask, attr.integer(0)])
    const slice = this.graph.node(
      'StridedSlice',
      [`${shape}:0`, this.integers([1], 0), this.integers([1], 1), this.integers([1], 1)],
      { T: attr.type(INT32), Index: attr.type(INT32), ...Object.fromEntries(masks), shrink_axis_mask: attr.integer(1) },
      this.ownName('batch'),
    )
    this.batch = `${slice}:0`
    return this.batch
  }

  private integers(shape: readonly number[], value: number): string {
    return this.constant(INT32, shape, new Uint8Array(Int32Array.of(value).buffer))
  }

  private constant(dtype: number, shape: readonly number[], bytes: Uint8Array): string {
    const attributes = { dtype: attr.type(dtype), value: attr.tensor(dtype, shape, bytes) }
    return `${this.graph.node('Const', [], attributes, this.ownName('constant'))}:0`
  }

  /** The names of the trace are those of a builder, which would come again. */
  private ownName(what: string): string {
    return `free/${what}_${this.count++}`
  }
}
