import type { Tensor } from '@tensorflow/tfjs-core'
import type { LayerOf } from '../../contracts/model.js'
import { FLOAT32 } from '../engine/binding.js'
import { bool, float, operations, text, type } from '../engine/raw-operation.js'
import { tf } from '../engine/tensorflow.js'
import type { Tensors } from '../engine/types.js'
import { withGradient, withGradients } from './gradients.js'
import { type Build, weight } from './layer.js'
import { addBias } from './linear.js'

/**
 * γ (x − mean) / √(variance + ε) + β over all axes but the last. While training the mean and population variance are those of the batch
 * and move the averages; otherwise they are the averages.
 * @see Ioffe, Szegedy, "Batch normalization", 2015.
 */
export const buildBatchNormalization: Build<LayerOf<'batch-normalization'>> = (layer, { name }) => {
  const { momentum, epsilon } = layer
  return (weights, [x], training) => {
    const channels = x.shape.at(-1) ?? 1
    const gamma = layer.scale ? weight(weights, 'gamma') : tf.ones([channels])
    const beta = layer.center ? weight(weights, 'beta') : tf.zeros([channels])
    const averages = [weight(weights, 'moving-mean'), weight(weights, 'moving-variance')] as const
    // The operation takes images; a row of features is one of a single pixel.
    const image = x.rank === 4 ? x : tf.reshape(x, [-1, 1, 1, channels])
    const { y, mean, variance } = normalize(image, gamma, beta, training ? null : averages, epsilon)
    if (training) {
      const moved = (average: Tensor, now: Tensor) => tf.add(average, tf.mul(tf.sub(now, average), 1 - momentum))
      const count = image.size / channels
      training.setMoment(`${name}/moving-mean`, moved(averages[0], mean))
      // The operation gives the unbiased variance, Keras averages the one of the population.
      const population = tf.mul(variance, (count - 1) / count)
      training.setMoment(`${name}/moving-variance`, moved(averages[1], population))
    }
    tf.dispose([mean, variance])
    return x.rank === 4 ? y : tf.reshape(y, x.shape)
  }
}

/** One pass forwards and one backwards, where tfjs composes either of many. `mean` and `variance` outlive the scope. */
function normalize(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  averages: readonly [Tensor, Tensor] | null,
  epsilon: number,
): { y: Tensor; mean: Tensor; variance: Tensor } {
  const attributes = [
    type('T', FLOAT32),
    type('U', FLOAT32),
    float('epsilon', epsilon),
    text('data_format', 'NHWC'),
    bool('is_training', averages === null),
  ]
  let statistics: readonly [Tensor, Tensor] | null = null
  const y = withGradients(
    [x, gamma, beta],
    () => {
      const [mean, variance] = averages ?? [tf.zeros([0]), tf.zeros([0])]
      const outputs = operations(
        'FusedBatchNormV3',
        [...attributes, float('exponential_avg_factor', 1)],
        [x, gamma, beta, mean, variance],
        6,
      )
      const [normalized, batchMean = mean, batchVariance = variance, ...reserve] = outputs
      statistics = [tf.keep(batchMean), tf.keep(batchVariance)]
      // In use the operation leaves what it reserves unwritten: the gradient takes the averages instead.
      const used = averages ? [mean, variance, ...reserve.slice(2)] : reserve
      return { y: normalized, saved: [x, gamma, ...used] }
    },
    (dy, saved) => operations('FusedBatchNormGradV3', attributes, [dy, ...saved], 5).slice(0, 3),
  )
  // Filled by the call above; the compiler does not follow the closure.
  const [mean, variance] = statistics as unknown as [Tensor, Tensor]
  return { y, mean, variance }
}

/** γ (x − mean) / √(variance + ε) + β, each position over the last axis. @see Ba, Kiros, Hinton, "Layer normalization", 2016. */
export const buildLayerNormalization: Build<LayerOf<'layer-normalization'>> =
  (layer) =>
  (weights, [x]) =>
    scaleAndCentre(layer, weights, standardize(x, layer.epsilon))

function scaleAndCentre(layer: LayerOf<'layer-normalization'>, weights: Tensors, x: Tensor): Tensor {
  const scaled = layer.scale ? tf.mul(x, weight(weights, 'gamma')) : x
  return layer.center ? addBias(scaled, weight(weights, 'beta')) : scaled
}

function standardize(x: Tensor, epsilon: number): Tensor {
  return withGradient(
    x,
    () => {
      const centred = tf.sub(x, tf.mean(x, -1, true))
      const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), epsilon))
      const y = tf.mul(centred, inverse)
      return { y, saved: [y, inverse] }
    },
    // ∂L/∂x = (dy − mean(dy) − y · mean(dy · y)) / √(variance + ε)
    (dy, y = dy, inverse = dy) => {
      const along = tf.mul(y, tf.mean(tf.mul(dy, y), -1, true))
      return tf.mul(tf.sub(tf.sub(dy, tf.mean(dy, -1, true)), along), inverse)
    },
  )
}
