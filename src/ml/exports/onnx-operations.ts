import { channelsFirst, convolution, depthwise, pool, transposedConvolution } from './onnx-convolutions.js'
import type { OnnxGraph } from './onnx-graph.js'
import { attribute, onnxType, same, scalar, type Translate } from './onnx-translation.js'

const matrixProduct: Translate = (translation) => {
  const { graph, inputs, shapes } = translation
  const turned = ['adj_x', 'adj_y'].map((name, place) => {
    const input = inputs[place] ?? ''
    if (!attribute<boolean>(translation, name)) return input
    const rank = shapes[place]?.length ?? 2
    const axes = Array.from({ length: rank - 2 }, (_, axis) => axis)
    return graph.node('Transpose', [input], { perm: [...axes, rank - 1, rank - 2] })
  })
  return [graph.node('MatMul', turned)]
}

const reduce =
  (op: string): Translate =>
  (translation) => {
    const axes = translation.extentsOf(1) as number[]
    const keepdims = attribute<boolean>(translation, 'keep_dims') ? 1 : 0
    return [translation.graph.node(op, [translation.inputs[0] ?? ''], { axes, keepdims })]
  }

/** Only as in use: y, and batch statistics that nothing takes. */
const batchNormalization: Translate = (translation) => {
  const { graph, inputs } = translation
  if (attribute<boolean>(translation, 'is_training')) throw new Error('batch statistics cannot be exported')
  const epsilon = { float: attribute<number>(translation, 'epsilon') }
  return [channelsFirst(translation, (x) => graph.node('BatchNormalization', [x, ...inputs.slice(1, 5)], { epsilon }))]
}

const shaped: Translate = ({ graph, inputs, extentsOf }) => [
  graph.node('Reshape', [inputs[0] ?? '', graph.extents(extentsOf(1))]),
]

const slice: Translate = ({ graph, inputs, shapes, extentsOf }) => {
  const begin = extentsOf(1)
  const size = extentsOf(2)
  const axes = begin.map((_, axis) => axis)
  // The whole batch, whatever its size.
  const kept = axes.filter((axis) => !(begin[axis] === 0 && (size[axis] === -1 || typeof size[axis] !== 'number')))
  const starts = kept.map((axis) => begin[axis] as number)
  const ends = kept.map((axis, place) => {
    const count = size[axis] as number
    return count === -1 ? (shapes[0]?.[axis] ?? 0) : (starts[place] ?? 0) + count
  })
  if (kept.length === 0) return [graph.node('Identity', [inputs[0] ?? ''])]
  return [graph.node('Slice', [inputs[0] ?? '', graph.integers(starts), graph.integers(ends), graph.integers(kept)])]
}

const pad: Translate = (translation) => {
  const { graph, inputs, extentsOf } = translation
  const pairs = extentsOf(1) as number[]
  const rank = pairs.length / 2
  const side = (offset: 0 | 1) => Array.from({ length: rank }, (_, axis) => pairs[2 * axis + offset] ?? 0)
  return [graph.node('Pad', [inputs[0] ?? '', graph.integers([...side(0), ...side(1)]), inputs[2] ?? ''])]
}

const concatenate: Translate = ({ graph, inputs, extentsOf }) => [
  graph.node('Concat', inputs.slice(0, -1), { axis: extentsOf(inputs.length - 1)[0] as number }),
]

const unpack: Translate = (translation) => {
  const { graph, inputs } = translation
  const count = attribute<number>(translation, 'num')
  const axis = attribute<number>(translation, 'axis')
  const parts = split(
    graph,
    inputs[0] ?? '',
    axis,
    Array.from({ length: count }, () => 1),
  )
  return parts.map((part) => graph.node('Squeeze', [part, graph.integers([axis])]))
}

function split(graph: OnnxGraph, x: string, axis: number, sizes: readonly number[]): string[] {
  const names = sizes.map(() => graph.unusedName('Split'))
  graph.node('Split', [x, graph.integers(sizes)], { axis }, names)
  return names
}

const stack: Translate = (translation) => {
  const { graph, inputs } = translation
  const axis = attribute<number>(translation, 'axis')
  const parts = inputs.map((input) => graph.node('Unsqueeze', [input, graph.integers([axis])]))
  return [graph.node('Concat', parts, { axis })]
}

/** A slice with the step −1 along each axis. */
const reverse: Translate = ({ graph, inputs, extentsOf }) => {
  const axes = extentsOf(1) as number[]
  const all = (value: number) => graph.integers(axes.map(() => value))
  return [graph.node('Slice', [inputs[0] ?? '', all(-1), all(-(2 ** 31)), graph.integers(axes), all(-1)])]
}

const cast: Translate = (translation) => [
  translation.graph.node('Cast', translation.inputs, { to: onnxType(attribute<number>(translation, 'DstT')) }),
]

const fill: Translate = ({ graph, inputs, extentsOf }) => [
  graph.node('Expand', [inputs[1] ?? '', graph.extents(extentsOf(0))]),
]

const rsqrt: Translate = ({ graph, inputs }) => [graph.node('Reciprocal', [graph.node('Sqrt', inputs)])]

const selu = { alpha: { float: 1.6732632423543772 }, gamma: { float: 1.0507009873554805 } }

/** By the operations of TensorFlow that models as in use are made of. */
export const OPERATIONS: Readonly<Record<string, Translate>> = {
  Reshape: shaped,
  BatchMatMulV2: matrixProduct,
  BatchMatMulV3: matrixProduct,
  Add: same('Add'),
  AddV2: same('Add'),
  AddN: same('Sum'),
  Sub: same('Sub'),
  Mul: same('Mul'),
  RealDiv: same('Div'),
  Maximum: same('Max'),
  Minimum: same('Min'),
  Neg: same('Neg'),
  Abs: same('Abs'),
  Exp: same('Exp'),
  Log: same('Log'),
  Sqrt: same('Sqrt'),
  Erf: same('Erf'),
  Square: ({ graph, inputs: [x = ''] }) => [graph.node('Mul', [x, x])],
  Rsqrt: rsqrt,
  Relu: same('Relu'),
  Relu6: (translation) => [
    translation.graph.node('Clip', [...translation.inputs, scalar(translation, 0), scalar(translation, 6)]),
  ],
  LeakyRelu: (translation) => [
    translation.graph.node('LeakyRelu', translation.inputs, { alpha: { float: attribute(translation, 'alpha') } }),
  ],
  Elu: same('Elu'),
  Selu: same('Selu', selu),
  Sigmoid: same('Sigmoid'),
  Tanh: same('Tanh'),
  Softplus: same('Softplus'),
  Softsign: same('Softsign'),
  Softmax: same('Softmax', { axis: -1 }),
  LogSoftmax: same('LogSoftmax', { axis: -1 }),
  Identity: same('Identity'),
  Cast: cast,
  Greater: same('Greater'),
  GreaterEqual: same('GreaterOrEqual'),
  Less: same('Less'),
  LessEqual: same('LessOrEqual'),
  Equal: same('Equal'),
  NotEqual: ({ graph, inputs }) => [graph.node('Not', [graph.node('Equal', inputs)])],
  LogicalAnd: same('And'),
  LogicalOr: same('Or'),
  LogicalNot: same('Not'),
  Select: same('Where'),
  SelectV2: same('Where'),
  Mean: reduce('ReduceMean'),
  Max: reduce('ReduceMax'),
  Min: reduce('ReduceMin'),
  Sum: ({ graph, inputs: [x = ''], extentsOf, node }) => [
    graph.node('ReduceSum', [x, graph.integers(extentsOf(1) as number[])], {
      keepdims: node.attributes.keep_dims ? 1 : 0,
    }),
  ],
  FusedBatchNormV3: batchNormalization,
  Conv2D: convolution,
  Conv3D: convolution,
  DepthwiseConv2dNative: depthwise,
  Conv2DBackpropInput: transposedConvolution,
  MaxPool: pool('MaxPool'),
  MaxPool3D: pool('MaxPool'),
  AvgPool: pool('AveragePool'),
  PadV2: pad,
  Slice: slice,
  Tile: ({ graph, inputs: [x = ''], extentsOf }) => [graph.node('Tile', [x, graph.extents(extentsOf(1))])],
  ConcatV2: concatenate,
  Transpose: ({ graph, inputs: [x = ''], extentsOf }) => [
    graph.node('Transpose', [x], { perm: extentsOf(1) as number[] }),
  ],
  Unpack: unpack,
  Pack: stack,
  SplitV: ({ graph, inputs: [x = ''], extentsOf }) =>
    split(graph, x, extentsOf(2)[0] as number, extentsOf(1) as number[]),
  ReverseV2: reverse,
  GatherV2: ({ graph, inputs: [params = '', indices = ''], extentsOf }) => [
    graph.node('Gather', [params, indices], { axis: extentsOf(2)[0] as number }),
  ],
  Fill: fill,
  ExpandDims: ({ graph, inputs: [x = ''], extentsOf }) => [
    graph.node('Unsqueeze', [x, graph.integers(extentsOf(1) as number[])]),
  ],
}
