import type { OnnxAttribute } from './onnx-proto.js'
import { attribute, type Translate, type Translation } from './onnx-translation.js'

/** Axes before which the channels go in ONNX: 0, last, 1, 2, … and back. */
const toFront = (rank: number) => [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, axis) => axis + 1)]
const toBack = (rank: number) => [0, ...Array.from({ length: rank - 2 }, (_, axis) => axis + 2), 1]

/** TensorFlow has channels last, ONNX first. */
export function channelsFirst(translation: Translation, apply: (x: string) => string, place = 0): string {
  const { graph, inputs, shapes } = translation
  const rank = shapes[place]?.length ?? 4
  const moved = graph.node('Transpose', [inputs[place] ?? ''], { perm: toFront(rank) })
  return graph.node('Transpose', [apply(moved)], { perm: toBack(rank) })
}

/** Extents of the axes of space, of an attribute [1, …, 1]. */
const spatial = (values: readonly number[]) => values.slice(1, -1)

function padding(translation: Translation): Readonly<Record<string, OnnxAttribute>> {
  const kind = attribute<string>(translation, 'padding')
  if (kind === 'SAME') return { auto_pad: 'SAME_UPPER' }
  if (kind === 'VALID') return {}
  // [before, after] of every axis, the batch and the channels with them.
  const explicit = attribute<number[]>(translation, 'explicit_paddings')
  const pairs = spatial(Array.from({ length: explicit.length / 2 }, (_, axis) => axis))
  return {
    pads: [...pairs.map((axis) => explicit[2 * axis] ?? 0), ...pairs.map((axis) => explicit[2 * axis + 1] ?? 0)],
  }
}

const windowed = (translation: Translation) => ({
  strides: spatial(attribute<number[]>(translation, 'strides')),
  ...padding(translation),
})

/** A kernel [space…, in, out] as [out, in, space…]. */
function kernelFirst({ graph, inputs, shapes }: Translation, place: number): string {
  const rank = shapes[place]?.length ?? 4
  const space = Array.from({ length: rank - 2 }, (_, axis) => axis)
  return graph.node('Transpose', [inputs[place] ?? ''], { perm: [rank - 1, rank - 2, ...space] })
}

export const convolution: Translate = (translation) => {
  const { graph, shapes } = translation
  const dilations = spatial(attribute<number[] | undefined>(translation, 'dilations') ?? [])
  const channels = shapes[0]?.at(-1) ?? 1
  const attributes = {
    ...windowed(translation),
    ...(dilations.length > 0 ? { dilations } : {}),
    group: channels / (shapes[1]?.at(-2) ?? channels),
  }
  return [channelsFirst(translation, (x) => graph.node('Conv', [x, kernelFirst(translation, 1)], attributes))]
}

/** Kernel [height, width, in, multiplier] → [in · multiplier, 1, height, width]. */
export const depthwise: Translate = (translation) => {
  const { graph, inputs, shapes } = translation
  const [height = 1, width = 1, channels = 1, multiplier = 1] = shapes[1] ?? []
  const turned = graph.node('Transpose', [inputs[1] ?? ''], { perm: [2, 3, 0, 1] })
  const kernel = graph.node('Reshape', [turned, graph.integers([channels * multiplier, 1, height, width])])
  const attributes = {
    ...windowed(translation),
    dilations: spatial(attribute<number[]>(translation, 'dilations')),
    group: channels,
  }
  return [channelsFirst(translation, (x) => graph.node('Conv', [x, kernel], attributes))]
}

/** Inputs: shape of the result, kernel [height, width, out, in], x. Padding as the gradient of a convolution has it. */
export const transposedConvolution: Translate = (translation) => {
  const { graph, inputs, shapes } = translation
  const strides = spatial(attribute<number[]>(translation, 'strides'))
  const result = spatial(translation.extentsOf(0) as number[]) // only the batch is free
  const kernel = graph.node('Transpose', [inputs[1] ?? ''], { perm: [3, 2, 0, 1] })
  const size = spatial([0, ...(shapes[1]?.slice(0, 2) ?? []), 0])
  const source = spatial(shapes[2] ?? [])
  // What the full result has too much is cut off: first at the end.
  const excess = source.map(
    (extent, axis) => (extent - 1) * (strides[axis] ?? 1) + (size[axis] ?? 1) - (result[axis] ?? 1),
  )
  const before = excess.map((extra) =>
    attribute<string>(translation, 'padding') === 'SAME' ? Math.floor(Math.max(0, extra) / 2) : 0,
  )
  const pads = [...before, ...excess.map((extra, axis) => Math.max(0, extra) - (before[axis] ?? 0))]
  const missing = excess.map((extra) => Math.max(0, -extra))
  const attributes = { strides, pads, output_padding: missing }
  return [channelsFirst(translation, (x) => graph.node('ConvTranspose', [x, kernel], attributes), 2)]
}

export const pool =
  (op: 'MaxPool' | 'AveragePool'): Translate =>
  (translation) => {
    const kernel_shape = spatial(attribute<number[]>(translation, 'ksize'))
    const attributes = {
      kernel_shape,
      ...windowed(translation),
      ...(op === 'AveragePool' ? { count_include_pad: 0 } : {}),
    }
    return [channelsFirst(translation, (x) => translation.graph.node(op, [x], attributes))]
  }
