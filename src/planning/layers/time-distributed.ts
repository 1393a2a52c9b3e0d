import type { Layer, LayerOf } from '../../contracts/model.js'
import { show } from '../shape.js'
import type { Connect } from './connect.js'
import { conv1d, conv2d, depthwiseConv2d } from './convolution.js'
import { dense } from './dense.js'
import { globalPooling, pooling2d } from './pooling.js'
import { flatten } from './shape.js'

type InnerType = LayerOf<'time-distributed'>['layer']['type']

const INNER = {
  dense,
  conv1d,
  conv2d,
  'depthwise-conv2d': depthwiseConv2d,
  'max-pooling2d': pooling2d,
  'average-pooling2d': pooling2d,
  'global-average-pooling': globalPooling,
  'global-max-pooling': globalPooling,
  flatten,
} satisfies { readonly [T in InnerType]: Connect<LayerOf<T>> }

/** [time, ..] → [time, ..]: what the inner layer makes of one step, for each of them; the weights are those of the inner layer. */
export const timeDistributed: Connect<LayerOf<'time-distributed'>> = ({ name, layer }, [input], reject) => {
  const [time, ...step] = input
  if (time === undefined || step.length === 0)
    throw reject(
      `time-distributed takes [time, ..] but its input is ${show(input)}; use the ${layer.type} layer by itself, or set returnSequences on the layer before`,
    )
  // The entry of a type takes the layer of that type, which a union of functions cannot say.
  const connect = INNER[layer.type] as Connect<Layer>
  const { outputShape, weights } = connect({ ...layer, name }, [step], (detail) => reject(`on each step, ${detail}`))
  return { outputShape: [time, ...outputShape], weights }
}
