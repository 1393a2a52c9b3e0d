import type { Tensor } from '@tensorflow/tfjs-core'
import type { ActivationName } from '../../contracts/layers/fields.js'
import { FLOAT32 } from '../engine/binding.js'
import { float, operation, type } from '../engine/raw-operation.js'
import { tf } from '../engine/tensorflow.js'
import { withGradient } from './gradients.js'

const T = [type('T', FLOAT32)]
const unary = (op: string, x: Tensor) => operation(op, T, [x])

/** A function whose gradient is one operation of its output: the input need not be kept, and TensorFlow can fuse it with what is before. */
const ofOutput = (forward: string, backward: (dy: Tensor, y: Tensor) => Tensor) => (x: Tensor) =>
  withGradient(
    x,
    () => {
      const y = unary(forward, x)
      return { y, saved: [y] }
    },
    (dy, y = dy) => backward(dy, y),
  )
/** The same of its input. */
const ofInput = (forward: (x: Tensor) => Tensor, backward: (dy: Tensor, x: Tensor) => Tensor) => (x: Tensor) =>
  withGradient(
    x,
    () => ({ y: forward(x), saved: [x] }),
    (dy, given = dy) => backward(dy, given),
  )

/** max(x, 0); gradient 0 at 0, and NaN stays NaN. */
export const relu = ofOutput('Relu', (dy, y) => operation('ReluGrad', T, [dy, y]))
export const relu6 = ofOutput('Relu6', (dy, y) => operation('Relu6Grad', T, [dy, y]))
export const sigmoid = ofOutput('Sigmoid', (dy, y) => operation('SigmoidGrad', T, [y, dy]))
const tanh = ofOutput('Tanh', (dy, y) => operation('TanhGrad', T, [y, dy]))
/** α (eˣ − 1) below 0, α = 1. */
const elu = ofOutput('Elu', (dy, y) => operation('EluGrad', T, [dy, y]))
const selu = ofOutput('Selu', (dy, y) => operation('SeluGrad', T, [dy, y]))
const softplus = ofInput(
  (x) => unary('Softplus', x),
  (dy, x) => operation('SoftplusGrad', T, [dy, x]),
)
const softsign = ofInput(
  (x) => unary('Softsign', x),
  (dy, x) => operation('SoftsignGrad', T, [dy, x]),
)
const logSoftmax = ofOutput('LogSoftmax', (dy, y) => tf.sub(dy, tf.mul(tf.exp(y), tf.sum(dy, -1, true))))

/** slope · x below 0. */
export function leakyRelu(x: Tensor, slope: number): Tensor {
  const attributes = [...T, float('alpha', slope)]
  return ofInput(
    (given) => operation('LeakyRelu', attributes, [given]),
    (dy, given) => operation('LeakyReluGrad', attributes, [dy, given]),
  )(x)
}

/** alpha · (eˣ − 1) below 0. */
export function scaledElu(x: Tensor, alpha: number): Tensor {
  if (alpha === 1) return elu(x)
  return withGradient(
    x,
    () => {
      const isAbove = tf.greater(x, 0)
      const y = tf.where(isAbove, x, tf.mul(unary('Elu', x), alpha))
      return { y, saved: [isAbove, y] }
    },
    (dy, isAbove = dy, y = dy) => tf.where(isAbove, dy, tf.mul(dy, tf.add(y, alpha))),
  )
}

/** x · Φ(x) with the normal distribution function Φ. @see Hendrycks, Gimpel, "Gaussian error linear units", 2016. */
function gelu(x: Tensor): Tensor {
  return withGradient(
    x,
    () => {
      const share = tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5)
      return { y: tf.mul(x, share), saved: [x, share] }
    },
    (dy, given = dy, share = dy) => {
      const density = tf.mul(tf.exp(tf.mul(tf.square(given), -0.5)), 1 / Math.sqrt(2 * Math.PI))
      return tf.mul(dy, tf.add(share, tf.mul(given, density)))
    },
  )
}

/** x · sigmoid(x). @see Elfwing, Uchibe, Doya, "Sigmoid-weighted linear units", 2018. */
function silu(x: Tensor): Tensor {
  return withGradient(
    x,
    () => {
      const share = unary('Sigmoid', x)
      const y = tf.mul(x, share)
      return { y, saved: [share, y] }
    },
    // y′ = s + x s (1 − s) = s + y (1 − s)
    (dy, share = dy, y = dy) => tf.mul(dy, tf.add(share, tf.mul(y, tf.sub(1, share)))),
  )
}

const hardSigmoid = (x: Tensor) => tf.mul(relu6(tf.add(x, 3)), 1 / 6)

/**
 * With the definitions of Keras 3: `gelu` by the error function, `leaky-relu` with slope 0.2, `hard-sigmoid` relu6(x + 3) / 6.
 * `softmax` and `log-softmax` go over the last axis.
 */
export const ACTIVATION_FUNCTIONS = {
  linear: (x) => x,
  relu,
  relu6,
  'leaky-relu': (x) => leakyRelu(x, 0.2),
  elu,
  selu,
  gelu,
  sigmoid,
  'hard-sigmoid': hardSigmoid,
  'log-sigmoid': (x) => tf.neg(softplus(tf.neg(x))),
  tanh,
  'hard-tanh': (x) => tf.clipByValue(x, -1, 1),
  softplus,
  softsign,
  silu,
  'hard-silu': (x) => tf.mul(x, hardSigmoid(x)),
  mish: (x) => tf.mul(x, tanh(softplus(x))),
  exponential: (x) => tf.exp(x),
  softmax: (x) => tf.softmax(x),
  'log-softmax': logSoftmax,
} as const satisfies Record<ActivationName, (x: Tensor) => Tensor>
