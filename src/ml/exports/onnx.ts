import { INT32 as TF_INT32 } from '../engine/binding.js'
import type { TracedConstant } from '../engine/trace.js'
import type { ModelCard } from './card.js'
import type { Extent, FreeNode, FreeTrace } from './free-batch.js'
import { OnnxGraph } from './onnx-graph.js'
import { OPERATIONS } from './onnx-operations.js'
import { FLOAT } from './onnx-proto.js'
import { onnxType } from './onnx-translation.js'

/**
 * The model as ONNX, opset 17: `input_0` [batch, …] to `output_0`, for batches of any size. Convolutions are turned to channels first, as
 * ONNX has them, and back.
 * @throws Error naming an operation that has no translation
 */
export function encodeOnnx(trace: FreeTrace, card: ModelCard): Uint8Array {
  const { input, output, outputShape, nodes } = trace
  const graph = new OnnxGraph(input.name)
  const found = new Map<string, FreeNode>(nodes.map((node) => [node.name, node]))
  const values = new Map<string, string>([[`${input.name}:0`, input.name]])
  const shapes = new Map<string, readonly number[]>()
  for (const node of nodes) {
    if (node.kind === 'fill') {
      const value = graph.constant(onnxType(node.constant.dtype), [], node.constant.bytes)
      values.set(`${node.name}:0`, graph.node('Expand', [value, graph.extents(node.extents)]))
      shapes.set(
        `${node.name}:0`,
        node.extents.map(() => 1),
      )
      continue
    }
    // Shapes and axes are written where they are used.
    if (node.kind === 'extents') continue
    for (const [index, { shape }] of node.outputs.entries()) shapes.set(`${node.name}:${index}`, shape)
    if (node.op === 'Placeholder') continue
    if (node.constant) {
      const { dtype, shape, bytes } = node.constant
      if (dtype !== TF_INT32 || isUsedAsData(node.name, nodes))
        values.set(`${node.name}:0`, graph.constant(onnxType(dtype), shape, bytes))
      continue
    }
    const translate = OPERATIONS[node.op]
    if (!translate) throw new Error(`ONNX: the operation ${node.op} has no translation`)
    const outputs = translate({
      ...{ graph, node },
      inputs: node.inputs.map((name) => values.get(name) ?? ''),
      shapes: node.inputs.map((name) => shapes.get(name) ?? []),
      extentsOf: (place) => extentsOf(found.get(node.inputs[place]?.split(':')[0] ?? '')),
      constantOf: (place) => constantOf(found.get(node.inputs[place]?.split(':')[0] ?? '')),
    })
    outputs.forEach((name, index) => {
      values.set(`${node.name}:${index}`, name)
    })
  }
  graph.node('Identity', [values.get(output) ?? ''], {}, ['output_0'])
  return graph.encode(
    { type: onnxType(input.dtype), shape: input.shape },
    { name: 'output_0', type: FLOAT, shape: outputShape },
    { espalier: JSON.stringify(card) },
  )
}

/** Operations whose whole-number inputs are numbers to compute with, and no shapes. */
const COMPUTING = new Set([
  'GatherV2',
  'Cast',
  'Add',
  'Sub',
  'Mul',
  'Maximum',
  'Minimum',
  'Equal',
  'NotEqual',
  'Greater',
  'Less',
])

function isUsedAsData(name: string, nodes: readonly FreeNode[]): boolean {
  return nodes.some(
    (node) => node.kind === 'node' && COMPUTING.has(node.op) && node.inputs.slice(0, 2).includes(`${name}:0`),
  )
}

function extentsOf(node: FreeNode | undefined): readonly Extent[] {
  if (node?.kind === 'extents') return node.extents
  return Array.from(new Int32Array(constantOf(node).bytes.slice().buffer))
}

function constantOf(node: FreeNode | undefined): TracedConstant {
  if (node?.kind !== 'node' || !node.constant) throw new Error(`ONNX: ${node?.name ?? 'an input'} is no constant`)
  return node.constant
}
