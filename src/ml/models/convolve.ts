import type { Tensor } from '@tensorflow/tfjs-core'
import { FLOAT32 } from '../engine/binding.js'
import { environment } from '../engine/environment.js'
import { bool, int, operation, text, type } from '../engine/raw-operation.js'
import { tf } from '../engine/tensorflow.js'
import { withGradients } from './gradients.js'

type Pair = readonly [number, number]

/** How a window moves over height and width. */
export interface Movement {
  readonly strides: Pair
  readonly dilation: Pair
  readonly padding: 'valid' | 'same'
}

function attributes({ strides, dilation, padding }: Movement) {
  return [
    type('T', FLOAT32),
    int('strides', [1, ...strides, 1]),
    bool('use_cudnn_on_gpu', true),
    text('padding', padding.toUpperCase()),
    int('explicit_paddings', []),
    text('data_format', 'NHWC'),
    int('dilations', [1, ...dilation, 1]),
  ]
}
const sizes = (shape: readonly number[]): Tensor => tf.tensor1d([...shape], 'int32')

const forward = (x: Tensor, kernel: Tensor, movement: Movement) =>
  operation('Conv2D', attributes(movement), [x, kernel])
const toInput = (shape: readonly number[], kernel: Tensor, dy: Tensor, movement: Movement) =>
  operation('Conv2DBackpropInput', attributes(movement), [sizes(shape), kernel, dy])
const toKernel = (x: Tensor, shape: readonly number[], dy: Tensor, movement: Movement) =>
  operation('Conv2DBackpropFilter', attributes(movement), [x, sizes(shape), dy])

/** Cross-correlation: x [batch, height, width, in], kernel [height, width, in, out]. tfjs has no gradient for dilated ones. */
export function convolve(x: Tensor, kernel: Tensor, movement: Movement): Tensor {
  const { dilation } = movement
  // Without oneDNN TensorFlow's CPU kernels know no dilation.
  if (!environment().oneDnn && dilation.some((distance) => distance > 1))
    return convolve(x, spreadTaps(kernel, dilation), { ...movement, dilation: [1, 1] })
  return withGradients(
    [x, kernel],
    () => ({ y: forward(x, kernel, movement), saved: [x, kernel] }),
    (dy, [given = dy, taps = dy]) => [
      toInput(given.shape, taps, dy, movement),
      toKernel(given, taps.shape, dy, movement),
    ],
  )
}

/** Channels in `groups` parts that do not see each other: kernel [height, width, in / groups, out]. */
export function convolveGroups(x: Tensor, kernel: Tensor, movement: Movement, groups: number): Tensor {
  if (groups === 1) return convolve(x, kernel, movement)
  // TensorFlow's CPU kernels have no gradient of grouped convolutions.
  const kernels = tf.split(kernel, groups, 3)
  const parts = tf.split(x, groups, 3).map((part, index) => convolve(part, kernels[index] ?? kernel, movement))
  return tf.concat(parts, 3)
}

/** What `convolve` does to gradients of its input: x [batch, height, width, in], kernel [height, width, out, in] → `shape`. */
export function convolveTransposed(x: Tensor, kernel: Tensor, shape: readonly number[], movement: Movement): Tensor {
  return withGradients(
    [x, kernel],
    () => ({ y: toInput(shape, kernel, x, movement), saved: [x, kernel] }),
    (dy, [given = dy, taps = dy]) => [forward(dy, taps, movement), toKernel(dy, taps.shape, given, movement)],
  )
}

/** Each channel by itself: x [batch, height, width, in], kernel [height, width, in, multiplier] → [batch, …, in · multiplier]. */
export function convolveDepthwise(x: Tensor, kernel: Tensor, { strides, dilation, padding }: Movement): Tensor {
  // Of four axes each, as planning has seen to.
  const image = x as Parameters<typeof tf.depthwiseConv2d>[0]
  const taps = spreadTaps(kernel, dilation) as Parameters<typeof tf.depthwiseConv2d>[1]
  return tf.depthwiseConv2d(image, taps, [...strides], padding)
}

/** The kernel with zeros between its taps: the depthwise kernels of TensorFlow know no dilation. */
function spreadTaps(kernel: Tensor, [down, right]: Pair): Tensor {
  if (down === 1 && right === 1) return kernel
  const [height = 1, width = 1, channels = 1, multiplier = 1] = kernel.shape
  const single = tf.reshape(kernel, [height, 1, width, 1, channels, multiplier])
  const none: [number, number] = [0, 0]
  const spread = tf.pad(single, [none, [0, down - 1], none, [0, right - 1], none, none])
  const whole = tf.reshape(spread, [height * down, width * right, channels, multiplier])
  return tf.slice(whole, [0, 0, 0, 0], [(height - 1) * down + 1, (width - 1) * right + 1, channels, multiplier])
}
