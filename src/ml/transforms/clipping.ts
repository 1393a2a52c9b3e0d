import type { ClippingSpec } from '../../contracts/clipping.js'
import { SMALLEST_FLOAT32 } from '../../contracts/float32.js'
import { problem } from '../../errors.js'
import { tf } from '../engine/tensorflow.js'
import type { Tensors } from '../engine/types.js'
import { globalNorm, type NormOrder, type ScaledNorm, scaledNorm, unscale } from './norms.js'
import { type GradientTransformation, stateless } from './transformation.js'

const SMALLEST_NORMAL = 2 ** -126

/**
 * The transformation that a spec asks for. Whatever the mode, `info` holds
 * - `gradientNorm`: L2 norm of all gradients before clipping; NaN exactly if one of them is NaN or infinite;
 * - `tensorNorms` [tensors]: the same for each tensor, in the order of the record; below 1e-7 of `gradientNorm` it may be inexact;
 * - `clipScale`: the smallest factor applied to a tensor, 1 = untouched; for mode `value` the ratio of the norms;
 * - `clipped`: 1 if clipping changed anything, else 0.
 */
export function makeClipping(spec: ClippingSpec): GradientTransformation<null> {
  switch (spec.mode) {
    case 'none':
      return withoutClipping()
    case 'value':
      return clipByValue(spec.maxValue)
    case 'norm':
      return clipByNorm(spec.maxNorm)
    case 'global-norm':
      return clipByGlobalNorm(spec.maxNorm, spec.p)
  }
}

/** Leaves the gradients alone and records their norms. */
export function withoutClipping(): GradientTransformation<null> {
  return stateless('none', (grads) => ({
    grads,
    info: { ...normInfo(scaledNorm(Object.values(grads), 2)), clipScale: tf.scalar(1), clipped: tf.scalar(0) },
  }))
}

/**
 * Limits every element: g ← min(max(g, −maxValue), maxValue). It changes the direction of the gradient.
 * @throws SPEC_OUT_OF_RANGE if `maxValue` is not a positive finite float32.
 */
export function clipByValue(maxValue: number): GradientTransformation<null> {
  requirePositive('maxValue', maxValue)
  return stateless('value', (grads) => {
    const clipped = mapTensors(grads, (grad) => tf.clipByValue(grad, -maxValue, maxValue))
    const before = scaledNorm(Object.values(grads), 2)
    const info = normInfo(before)
    const ratio = tf.div(globalNorm(clipped, 2), info.gradientNorm)
    const isZero = tf.equal(info.gradientNorm, 0)
    const engaged = tf.greater(before.largest, maxValue)
    return {
      grads: clipped,
      info: { ...info, clipScale: tf.where(isZero, 1, ratio), clipped: tf.cast(engaged, 'float32') },
    }
  })
}

/**
 * Scales each gradient by itself so that its L2 norm is at most `maxNorm`: g ← g · min(1, maxNorm / ‖g‖₂).
 * A norm equal to the bound changes nothing; the norm neither overflows nor underflows.
 * @throws SPEC_OUT_OF_RANGE if `maxNorm` is not a positive finite float32.
 */
export function clipByNorm(maxNorm: number): GradientTransformation<null> {
  requirePositive('maxNorm', maxNorm)
  return stateless('norm', (grads) => {
    const clips = Object.entries(grads).map(([name, grad]) => {
      const norm = scaledNorm([grad], 2)
      const clip = clipFactors(norm, maxNorm)
      return { ...clip, name, grad: scale(grad, clip), norm: unscale(norm, norm.scaled) }
    })
    const tensorNorms = tf.stack(clips.map(({ norm }) => norm))
    return {
      grads: Object.fromEntries(clips.map(({ name, grad }) => [name, grad])),
      info: {
        gradientNorm: globalNorm({ tensorNorms }, 2),
        tensorNorms,
        clipScale: tf.min(tf.stack(clips.map((clip) => clip.scale))),
        clipped: tf.max(tf.stack(clips.map(({ clipped }) => clipped))),
      },
    }
  })
}

/**
 * Scales all gradients together so that their joint p-norm is at most `maxNorm`: g ← g · min(1, maxNorm / ‖(g₁, g₂, …)‖ₚ).
 * A norm equal to the bound changes nothing; zero gradients stay zero. The norm neither overflows nor underflows in float32.
 * @throws SPEC_OUT_OF_RANGE if `maxNorm` is not a positive finite float32.
 * @see Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", 2013.
 */
export function clipByGlobalNorm(maxNorm: number, p: NormOrder = 2): GradientTransformation<null> {
  requirePositive('maxNorm', maxNorm)
  return stateless('global-norm', (grads) => {
    const norm = scaledNorm(Object.values(grads), p)
    const clip = clipFactors(norm, maxNorm)
    const euclidean = p === 2 ? norm : scaledNorm(Object.values(grads), 2)
    return {
      grads: mapTensors(grads, (grad) => scale(grad, clip)),
      info: { ...normInfo(euclidean), clipScale: clip.scale, clipped: clip.clipped },
    }
  })
}

/**
 * `scale` = min(1, maxNorm / norm). Where it lies below the normal floats (norm beyond 1e38 · maxNorm) it is applied in two steps,
 * each of which is a normal float: g · first / divisor. Two multiplications would not do: TensorFlow's optimizer merges their factors.
 */
function clipFactors(norm: ScaledNorm, maxNorm: number) {
  const exceeds = tf.greater(norm.scaled, tf.mul(norm.unit, maxNorm))
  const ratio = tf.div(maxNorm, norm.scaled)
  const combined = tf.where(exceeds, tf.mul(ratio, norm.unit), 1)
  const isTiny = tf.less(combined, SMALLEST_NORMAL)
  return {
    scale: combined,
    first: tf.where(isTiny, norm.unit, combined),
    divisor: tf.where(isTiny, tf.div(norm.scaled, maxNorm), 1),
    clipped: tf.cast(exceeds, 'float32'),
  }
}

function scale(grad: Tensors[string], clip: ReturnType<typeof clipFactors>) {
  return tf.div(tf.mul(grad, clip.first), clip.divisor)
}

function normInfo(norm: ScaledNorm) {
  return { gradientNorm: unscale(norm, norm.scaled), tensorNorms: unscale(norm, norm.scaledEach) }
}

function mapTensors(tensors: Tensors, map: (tensor: Tensors[string]) => Tensors[string]): Tensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, map(tensor)]))
}

function requirePositive(field: string, value: number): void {
  if (Number.isFinite(Math.fround(value)) && value >= SMALLEST_FLOAT32) return
  const detail = `must be a finite float32 of at least ${SMALLEST_FLOAT32}`
  throw problem('SPEC_OUT_OF_RANGE', `${field} ${detail}, not ${value}`, [{ pointer: `/clipping/${field}`, detail }])
}
