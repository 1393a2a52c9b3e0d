import type { ActivationName } from '../../contracts/layers/fields.js'
import type { LayerOf } from '../../contracts/model.js'
import type { Named } from '../layers/connect.js'
import { type Assign, input, output, repeated, type Wiring } from './assign.js'
import type { PlainLayer } from './plain.js'

/** Units of a layer's own, as many as the last axis of its output has indexes. */
export function ownUnits(
  { name, ...layer }: Named<PlainLayer> & { readonly activation?: ActivationName },
  { outputShape, space }: Wiring,
): Int32Array {
  const units = space.fresh(outputShape.at(-1) ?? 1)
  const { activation } = layer
  if (activation === 'softmax' || activation === 'log-softmax')
    space.pin(units, `the ${activation} of '${name}' takes all of its units together`)
  return units
}

export const dense: Assign<LayerOf<'dense'>> = (layer, wiring) => {
  const own = ownUnits(layer, wiring)
  return {
    output: own,
    makesUnits: true,
    axes: { kernel: [input(wiring.inputs[0]), output(own)], bias: [output(own)] },
  }
}

export const embedding: Assign<LayerOf<'embedding'>> = (layer, wiring) => {
  const own = ownUnits(layer, wiring)
  return { output: own, makesUnits: true, axes: { embeddings: [null, output(own)] } }
}

/**
 * kernel [.., in / groups, filters]. Groups stay equally large only if they lose the same places, so those are coupled: of the inputs
 * i, i + in / groups, .., and of the filters likewise.
 */
export const convolution: Assign<LayerOf<'conv1d' | 'conv2d' | 'conv3d'>> = (layer, wiring) => {
  const [x] = wiring.inputs
  const own = ownUnits(layer, wiring)
  const groups = layer.type === 'conv3d' ? 1 : layer.groups
  const seen = x.subarray(0, x.length / groups)
  for (let group = 1; group < groups; group++) {
    wiring.space.couple(seen, x.subarray(group * seen.length, (group + 1) * seen.length))
    const filters = own.length / groups
    wiring.space.couple(own.subarray(0, filters), own.subarray(group * filters, (group + 1) * filters))
  }
  const taps = wiring.inputShapes[0].slice(1).map(() => null)
  return {
    output: own,
    makesUnits: true,
    axes: { kernel: [...taps, input(seen), output(own)], bias: [output(own)] },
  }
}

/** kernel [height, width, filters, in]. */
export const transposed: Assign<LayerOf<'conv2d-transpose'>> = (layer, wiring) => {
  const own = ownUnits(layer, wiring)
  return {
    output: own,
    makesUnits: true,
    axes: { kernel: [null, null, output(own), input(wiring.inputs[0])], bias: [output(own)] },
  }
}

/** depthwise-kernel [height, width, in, multiplier], pointwise-kernel [1, 1, in · multiplier, filters]. */
export const separable: Assign<LayerOf<'separable-conv2d'>> = (layer, wiring) => {
  const [x] = wiring.inputs
  const own = ownUnits(layer, wiring)
  return {
    output: own,
    makesUnits: true,
    axes: {
      'depthwise-kernel': [null, null, input(x), null],
      'pointwise-kernel': [null, null, input(repeated(x, layer.depthMultiplier)), output(own)],
      bias: [output(own)],
    },
  }
}

/** Channels do not mix: each goes with the input it is made of. depthwise-kernel [height, width, in, multiplier]. */
export const depthwise: Assign<LayerOf<'depthwise-conv2d'>> = ({ name, activation, depthMultiplier }, wiring) => {
  const [x] = wiring.inputs
  const made = repeated(x, depthMultiplier)
  if (activation === 'softmax' || activation === 'log-softmax')
    wiring.space.pin(x, `the ${activation} of '${name}' takes all of its channels together`)
  return {
    output: made,
    makesUnits: false,
    axes: { 'depthwise-kernel': [null, null, output(x), null], bias: [output(made)] },
  }
}
