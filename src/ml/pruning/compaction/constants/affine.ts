import type { LayerOf } from '../../../../contracts/model.js'
import { activate } from '../activations.js'
import { linksOf } from '../links.js'
import { isPadded } from '../padding.js'
import { channelsOf, required, varying } from '../values.js'
import { columnSums, type Emit } from './emit.js'

type Affine = 'dense' | 'conv1d' | 'conv2d' | 'conv3d' | 'separable-conv2d' | 'conv2d-transpose'

/** activation(bias + Σ x · w) where every weight on an input that varies is 0. */
export const affine: Emit<LayerOf<Affine>> = (layer, values) => {
  const [links] = linksOf(layer, values)
  if (!links) return varying(channelsOf(values.outputShape))
  return columnSums(links, values).map((sum) => activate(layer.activation, sum))
}

/** Channel by channel: activation(bias + x · Σ taps), where x is constant or all taps are 0. */
export const depthwise: Emit<LayerOf<'depthwise-conv2d'>> = (layer, values) => {
  const { inputs, inputShapes, outputShape } = values
  const [x] = inputs
  const { shape, values: taps } = required(values, 'depthwise-kernel')
  const channels = channelsOf(outputShape)
  const sums = new Float64Array(channels)
  const isLinked = new Uint8Array(channels)
  taps.forEach((tap, index) => {
    const channel = index % channels
    sums[channel] = (sums[channel] ?? 0) + tap
    if (tap !== 0) isLinked[channel] = 1
  })
  const bias = values.weight('bias')?.values
  const copies = shape.at(-1) ?? 1
  const isExact = !isPadded(layer, inputShapes[0], outputShape)
  return sums.map((sum, channel) => {
    const constant = x[Math.floor(channel / copies)] ?? Number.NaN
    const taken = isLinked[channel] === 0 || constant === 0 ? 0 : isExact ? constant * sum : Number.NaN
    return activate(layer.activation, taken + (bias?.[channel] ?? 0))
  })
}

/** A number that is the same for every id. */
export const embedding: Emit<LayerOf<'embedding'>> = ({ outputSize }, values) => {
  const { values: rows } = required(values, 'embeddings')
  const constants = Float64Array.from(rows.subarray(0, outputSize))
  rows.forEach((value, index) => {
    if (value !== constants[index % outputSize]) constants[index % outputSize] = Number.NaN
  })
  return constants
}

/** 0 if of each pair one is. Another sum would change with the pairs that are removed, for there is no bias to fold them into. */
export const dot: Emit<LayerOf<'dot'>> = (_, { inputs }) => {
  const isZero = inputs[0].every((_, place) => inputs.some((input) => input[place] === 0))
  return Float64Array.of(isZero ? 0 : Number.NaN)
}
