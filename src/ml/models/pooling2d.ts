import type { Tensor4D } from '@tensorflow/tfjs-core'
import type { LayerOf } from '../../contracts/model.js'
import { type LayerDescription, pair } from '../../planning/shapes.js'
import { tf } from '../engine/tensorflow.js'
import type { BuiltLayer } from './layer.js'

/** Largest or mean value of each window, channel by channel; padding is not counted in a mean. */
export function buildPooling2d(
  layer: LayerOf<'max-pooling2d' | 'average-pooling2d'>,
  description: LayerDescription,
): BuiltLayer {
  const size: [number, number] = [...pair(layer.poolSize)]
  const strides: [number, number] = [...pair(layer.strides ?? layer.poolSize)]
  const pool = layer.type === 'max-pooling2d' ? tf.maxPool : tf.avgPool
  // Planning has checked that the input is an image.
  return { description, apply: (_, x) => pool(x as Tensor4D, size, strides, layer.padding) }
}
