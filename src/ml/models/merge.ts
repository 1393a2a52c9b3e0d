import type { Tensor } from '@tensorflow/tfjs-core'
import type { LayerOf } from '../../contracts/model.js'
import { tf } from '../engine/tensorflow.js'
import type { Build } from './layer.js'

type Inputs = readonly [Tensor, ...Tensor[]]

const sum = (inputs: Inputs): Tensor => inputs.reduce((total, input) => tf.add(total, input))

export const buildAdd: Build<LayerOf<'add'>> = () => (_, inputs) => sum(inputs)
export const buildSubtract: Build<LayerOf<'subtract'>> =
  () =>
  (_, [one, other = one]) =>
    tf.sub(one, other)
export const buildMultiply: Build<LayerOf<'multiply'>> = () => (_, inputs) =>
  inputs.reduce((product, input) => tf.mul(product, input))
export const buildAverage: Build<LayerOf<'average'>> = () => (_, inputs) => tf.mul(sum(inputs), 1 / inputs.length)
/** Where inputs tie, the gradient goes to the first of them. */
export const buildMaximum: Build<LayerOf<'maximum'>> = () => (_, inputs) =>
  inputs.reduce((largest, input) => tf.maximum(largest, input))
export const buildMinimum: Build<LayerOf<'minimum'>> = () => (_, inputs) =>
  inputs.reduce((least, input) => tf.minimum(least, input))
export const buildConcatenate: Build<LayerOf<'concatenate'>> =
  ({ axis }) =>
  (_, inputs) =>
    tf.concat([...inputs], axis < 0 ? inputs[0].rank + axis : axis)
/** Σ a · b of [batch, n] and [batch, n] → [batch, 1]. */
export const buildDot: Build<LayerOf<'dot'>> =
  () =>
  (_, [one, other = one]) =>
    tf.sum(tf.mul(one, other), -1, true)
