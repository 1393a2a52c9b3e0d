import type { LayerOf } from '../../../../contracts/model.js'
import { activate, clip } from '../activations.js'
import { type Constants, channelsOf, type LayerValues, required, varying } from '../values.js'
import type { Emit } from './emit.js'

/** What keeps the numbers of a channel, or takes their mean or largest. */
export const kept = (_: unknown, { inputs: [x] }: LayerValues): Constants => x
export const mixed = (_: unknown, { outputShape }: LayerValues): Constants => varying(channelsOf(outputShape))

export const activation: Emit<LayerOf<'activation'>> = (layer, { inputs: [x] }) =>
  x.map((constant) => activate(layer.activation, constant))

/** At the threshold the function jumps, and rounding decides: there nothing counts as constant. */
export const relu: Emit<LayerOf<'relu'>> = (
  { maxValue = Number.POSITIVE_INFINITY, negativeSlope, threshold },
  values,
) =>
  values.inputs[0].map((x) => {
    if (threshold !== 0 && Math.abs(x - threshold) <= 1e-5 * threshold) return Number.NaN
    return x > threshold ? clip(x, 0, maxValue) : negativeSlope * (x - threshold)
  })

export const leakyRelu: Emit<LayerOf<'leaky-relu'>> = ({ negativeSlope }, { inputs: [x] }) =>
  x.map((constant) => (constant < 0 ? negativeSlope * constant : constant))

export const elu: Emit<LayerOf<'elu'>> = ({ alpha }, { inputs: [x] }) =>
  x.map((constant) => (constant < 0 ? alpha * Math.expm1(constant) : constant))

/** alpha · x below 0, if the alphas of all positions of the channel are equal. */
export const prelu: Emit<LayerOf<'prelu'>> = (_, values) => {
  const { shape, values: alphas } = required(values, 'alpha')
  const channels = channelsOf(shape)
  const slopes = Float64Array.from(alphas.subarray(0, channels))
  alphas.forEach((alpha, index) => {
    if (alpha !== slopes[index % channels]) slopes[index % channels] = Number.NaN
  })
  return values.inputs[0].map((x, channel) => (x < 0 ? (slopes[channel % channels] ?? Number.NaN) * x : x))
}

/** Along another axis than the channels: equal numbers share 1. */
export const softmax: Emit<LayerOf<'softmax'>> = ({ axis }, { inputs: [x], inputShapes: [shape] }) => {
  const place = axis < 0 ? shape.length + axis : axis - 1
  if (place === shape.length - 1) return varying(x.length)
  return x.map((constant) => (Number.isNaN(constant) ? constant : 1 / (shape[place] ?? 1)))
}

/** By the moving statistics: γ (x − mean) / √(variance + ε) + β, which is β where γ is 0. */
export const batchNormalization: Emit<LayerOf<'batch-normalization'>> = ({ epsilon }, values) => {
  const gamma = values.weight('gamma')?.values
  const beta = values.weight('beta')?.values
  const mean = required(values, 'moving-mean').values
  const variance = required(values, 'moving-variance').values
  return values.inputs[0].map((x, channel) => {
    const scale = (gamma?.[channel] ?? 1) / Math.sqrt((variance[channel] ?? 0) + epsilon)
    return (scale === 0 ? 0 : (x - (mean[channel] ?? 0)) * scale) + (beta?.[channel] ?? 0)
  })
}

/** The margins are 0: another constant does not go on through them. */
export const zeroPadding2d: Emit<LayerOf<'zero-padding2d'>> = ({ padding }, { inputs: [x] }) => {
  const isPadded = [padding].flat(2).some((margin) => margin > 0)
  return x.map((constant) => (isPadded && constant !== 0 ? Number.NaN : constant))
}

/** A channel at every index that it comes to. */
export const reshape: Emit<LayerOf<'flatten' | 'reshape'>> = (_, { inputs: [x], outputShape }) => {
  const channels = channelsOf(outputShape)
  if (channels % x.length !== 0) return varying(channels)
  return Float64Array.from({ length: channels }, (_, index) => x[index % x.length] ?? Number.NaN)
}

export const permute: Emit<LayerOf<'permute'>> = ({ dims }, values) =>
  dims.at(-1) === dims.length ? values.inputs[0] : varying(channelsOf(values.outputShape))
