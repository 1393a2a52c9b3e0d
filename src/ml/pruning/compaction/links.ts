import type { LayerOf, LayerType } from '../../../contracts/model.js'
import type { Named } from '../../../planning/layers/connect.js'
import type { PlainLayer } from '../../../planning/units/plain.js'
import { isPadded } from './padding.js'
import { channelsOf, type LayerValues, required, type Values } from './values.js'

/** From an index of what comes in to a column, by a weight that is not 0 (NaN: an unknown factor). A pair may be visited several times, once a tap. */
type Visit = (source: number, column: number, weight: number) => void

/** How numbers of a layer are weighted and summed: column c gets bias[c] + Σ x[s] · weight(s, c). */
export interface Links {
  /** What is weighted: an input of the layer, or one of its own states, which is its output of the step before, or 0 at the first. */
  readonly from: { readonly input: number } | { readonly state: number }
  /** The indexes of the output that take part: column c makes index offset + c mod width. */
  readonly offset: number
  readonly width: number
  /** Gates · width. */
  readonly columns: number
  /** Short name of the weight that a constant source may be folded into, whose first entries are the columns; null if the layer can have none. */
  readonly bias: string | null
  /** Why a constant other than 0 cannot be folded exactly; null if it can. */
  readonly blocked: string | null
  each(visit: Visit): void
}

/** `[]` for layers that keep channels apart, and for `embedding`. */
export function linksOf(layer: Named<PlainLayer>, values: LayerValues): Links[] {
  if (!isMixing(layer)) return []
  // Indexing by a union of types gives a union of functions; the entry of a type takes the layer of that type.
  const entry = LINKS[layer.type] as (layer: PlainLayer, values: LayerValues) => Links[]
  return entry(layer, values)
}

type Mixing = Extract<PlainLayer, { type: keyof typeof LINKS }>
const isMixing = (layer: PlainLayer): layer is Mixing => layer.type in LINKS

const LINKS = {
  dense: (_, values) => [fromInput(values, required(values, 'kernel'), null)],
  conv1d: convolution,
  conv2d: convolution,
  conv3d: convolution,
  'separable-conv2d': separable,
  'conv2d-transpose': transposed,
  'simple-rnn': (_, values) => recurrence(values, '', 0, 0),
  lstm: (_, values) => recurrence(values, '', 0, 0),
  gru: (_, values) => recurrence(values, '', 0, 0),
  bidirectional: ({ layer, mergeMode }, values) => [
    ...recurrence(values, 'forward-', 0, 0),
    ...recurrence(values, 'backward-', 1, mergeMode === 'concat' ? layer.units : 0),
  ],
  dot,
} satisfies { readonly [T in LayerType]?: (layer: LayerOf<T>, values: LayerValues) => Links[] }

const PADS = 'pads its input with zeros, which are not that constant'
const SPREADS = 'spreads its input, so that positions get different shares of the constant'
const BEGINS = 'begins each sequence with 0 instead of the constant'

/** kernel [.., in / groups, out]. */
function fromInput({ inputs, outputShape }: LayerValues, kernel: Values, blocked: string | null): Links {
  const columns = channelsOf(outputShape)
  const seen = kernel.shape.at(-2) ?? 1
  const groups = inputs[0].length / seen
  return {
    from: { input: 0 },
    offset: 0,
    width: columns,
    columns,
    bias: 'bias',
    blocked,
    each: (visit) =>
      eachWeight(kernel, (row, column, weight) => {
        visit(groups === 1 ? row : Math.floor((column * groups) / columns) * seen + row, column, weight)
      }),
  }
}

function convolution(layer: LayerOf<'conv1d' | 'conv2d' | 'conv3d'>, values: LayerValues): Links[] {
  const { inputShapes, outputShape } = values
  const blocked = isPadded(layer, inputShapes[0], outputShape) ? PADS : null
  return [fromInput(values, required(values, 'kernel'), blocked)]
}

/** Each path through a tap and one of the channels between. */
function separable(layer: LayerOf<'separable-conv2d'>, values: LayerValues): Links[] {
  const { inputShapes, outputShape } = values
  const pointwise = required(values, 'pointwise-kernel')
  const columns = channelsOf(outputShape)
  const { depthMultiplier } = layer
  return [
    {
      ...fromInput(values, pointwise, isPadded(layer, inputShapes[0], outputShape) ? PADS : null),
      each: (visit) =>
        eachWeight(required(values, 'depthwise-kernel'), (source, copy, tap) => {
          const between = (source * depthMultiplier + copy) * columns
          for (let column = 0; column < columns; column++) {
            const weight = pointwise.values[between + column] ?? 0
            if (weight !== 0) visit(source, column, tap * weight)
          }
        }),
    },
  ]
}

/** kernel [height, width, out, in]. */
function transposed({ strides }: LayerOf<'conv2d-transpose'>, values: LayerValues): Links[] {
  const kernel = required(values, 'kernel')
  const [height, width] = kernel.shape
  const isPointwise = height === 1 && width === 1 && [strides].flat().every((stride) => stride === 1)
  return [
    {
      ...fromInput(values, kernel, isPointwise ? null : SPREADS),
      each: (visit) => eachWeight(kernel, (column, source, weight) => visit(source, column, weight)),
    },
  ]
}

/** By kernel [features, gates · units] from the input, by recurrent-kernel [units, gates · units] from the state. */
function recurrence(values: LayerValues, prefix: string, state: number, offset: number): [Links, Links] {
  const kernel = required(values, `${prefix}kernel`)
  const recurrent = required(values, `${prefix}recurrent-kernel`)
  const [width = 1, columns = 1] = recurrent.shape
  const common = { offset, width, columns }
  return [
    {
      ...common,
      from: { input: 0 },
      bias: `${prefix}bias`,
      blocked: null,
      each: (visit) => eachWeight(kernel, visit),
    },
    { ...common, from: { state }, bias: null, blocked: BEGINS, each: (visit) => eachWeight(recurrent, visit) },
  ]
}

/** Each input is the weight of the other; a pair whose product is always 0 has no link. */
function dot(_: LayerOf<'dot'>, { inputs }: LayerValues): Links[] {
  return inputs.map((x, input) => ({
    from: { input },
    offset: 0,
    width: 1,
    columns: 1,
    bias: null,
    blocked: 'has no bias that could take the constant',
    each: (visit) =>
      x.forEach((_, place) => {
        if (inputs.every((factor) => factor[place] !== 0)) visit(place, 0, Number.NaN)
      }),
  }))
}

/** Visits what is not 0, with the indexes on the last two axes. */
function eachWeight({ shape, values }: Values, visit: (row: number, column: number, weight: number) => void): void {
  const [rows, columns] = [shape.at(-2) ?? 1, shape.at(-1) ?? 1]
  for (let index = 0; index < values.length; )
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++, index++) {
        const weight = values[index] ?? 0
        if (weight !== 0) visit(row, column, weight)
      }
}
