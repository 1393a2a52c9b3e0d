import type { LayerOf } from '../../contracts/model.js'
import { type Assign, type Assignment, output, passed, tiled, type Wiring } from './assign.js'
import type { PlainLayer } from './plain.js'

/** The channels as they come. */
export const channelwise = (_: PlainLayer, { inputs: [x] }: Wiring): Assignment => passed(x)

export const activation: Assign<LayerOf<'activation'>> = ({ name, activation: is }, { inputs: [x], space }) => {
  if (is === 'softmax' || is === 'log-softmax') space.pin(x, `the ${is} '${name}' takes all channels together`)
  return passed(x)
}

export const batchNormalization: Assign<LayerOf<'batch-normalization'>> = (_, { inputs: [x] }) => {
  const vector = [output(x)]
  return passed(x, { gamma: vector, beta: vector, 'moving-mean': vector, 'moving-variance': vector })
}

/** alpha has the shape of an example, with 1 where an axis shares it. */
export const prelu: Assign<LayerOf<'prelu'>> = (_, { inputs: [x], weights }) => {
  const shape = weights.alpha?.shape ?? []
  return passed(x, {
    alpha: shape.map((extent, axis) => (axis === shape.length - 1 && extent === x.length ? output(x) : null)),
  })
}

export const layerNormalization: Assign<LayerOf<'layer-normalization'>> = ({ name }, { inputs: [x], space }) => {
  space.pin(x, `'${name}' takes mean and variance over all channels, so that each one counts for the others`)
  return passed(x, { gamma: [output(x)], beta: [output(x)] })
}

export const softmax: Assign<LayerOf<'softmax'>> = ({ name, axis }, { inputs: [x], inputShapes, space }) => {
  if (axis === -1 || axis === inputShapes[0].length) space.pin(x, `the softmax '${name}' takes all channels together`)
  return passed(x)
}

export const masking: Assign<LayerOf<'masking'>> = ({ name }, { inputs: [x], space }) => {
  space.pin(x, `'${name}' looks at all features of a step to tell whether it counts`)
  return passed(x)
}

/** Row-major with channels last: channel c of C comes again at every index i with i mod C = c, if whole positions are put together. */
export const reshape: Assign<LayerOf<'flatten' | 'reshape'>> = (layer, wiring) => {
  const { inputs, outputShape } = wiring
  const [x] = inputs
  const channels = outputShape.at(-1) ?? 1
  if (channels % x.length === 0) return passed(tiled(x, channels / x.length))
  return mixed(`'${layer.name}' puts its channels on several axes`, wiring)
}

export const permute: Assign<LayerOf<'permute'>> = ({ name, dims }, wiring) => {
  if (dims.at(-1) === dims.length) return passed(wiring.inputs[0])
  return mixed(`'${name}' moves its channels to another axis`, wiring)
}

/** What comes in cannot be removed, and what goes out are not the same channels. */
function mixed(reason: string, { inputs: [x], outputShape, space }: Wiring): Assignment {
  const made = space.fresh(outputShape.at(-1) ?? 1)
  space.pin(x, reason)
  space.pin(made, reason)
  return passed(made)
}
