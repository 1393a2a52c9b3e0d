import type { Tensor } from '@tensorflow/tfjs-core'
import type { OptimizerOf } from '../../contracts/optimizer.js'
import { tf } from '../engine/tensorflow.js'
import type { Tensors } from '../engine/types.js'
import { filled, type Optimizer, type Shaped, slotsLike, tensorAt } from './optimizer.js'

type AdafactorSpec = Pick<OptimizerOf<'adafactor'>, 'beta2Decay' | 'epsilon1' | 'epsilon2' | 'clipThreshold'>

/** Steps done, as a float32: exact up to 2²⁴, where ρ has long ceased to change. */
const STEP = 'adafactor/step'
const STEPS = { [STEP]: { shape: [] } }
/** Its inverse root times that of the smallest column, ε₁ = 1e-30 by default, is still a float32. */
const SMALLEST_SHARE = 1e-30
const rowOf = (param: string) => `adafactor.row/${param}`
const columnOf = (param: string) => `adafactor.column/${param}`

/**
 * Adafactor as in Keras, step t from 1, with ρ = min(lr, 1 / √t), β = 1 − t^beta2Decay, s = g² + ε₁. Of a tensor with at least two dimensions only
 * the means over the last and the last but one are kept: r ← β · r + (1 − β) · mean(s, last), c ← β · c + (1 − β) · mean(s, last but one),
 * v = (r / mean(r)) ⊗ c; of the others v ← β · v + (1 − β) · s. Then u = g / √v and
 * w ← w − ρ · max(ε₂, rms(w)) · u / max(1, rms(u) / clipThreshold).
 * Keras' `relative_step` changes nothing there (ρ has the minimum anyway) and is not offered.
 * Slots: `adafactor.row/<param>` (r), `adafactor.column/<param>` (c), or `<param>/v`; `adafactor/step`.
 * @see Shazeer, Stern, "Adafactor: adaptive learning rates with sublinear memory cost", 2018.
 */
export function makeAdafactor({ beta2Decay, epsilon1, epsilon2, clipThreshold }: AdafactorSpec): Optimizer {
  const slotShapes = (params: Shaped) => ({ ...momentShapes(params), ...STEPS })
  return {
    slotShapes,
    init: (params) => filled(slotShapes(params), 0),
    update({ params, grads, slots, learningRate }) {
      const step = tf.add(tensorAt(slots, STEP), 1)
      const fresh = tf.pow(step, beta2Decay)
      const rate = tf.minimum(learningRate, tf.rsqrt(step))
      const mean = (old: Tensor, value: Tensor) => tf.add(old, tf.mul(tf.sub(value, old), fresh))
      const nextParams: Record<string, Tensor> = {}
      const nextSlots: Record<string, Tensor> = { [STEP]: step }
      for (const [name, param] of Object.entries(params)) {
        const grad = tensorAt(grads, name)
        const moments = nextMoments(name, tf.add(tf.square(grad), epsilon1), slots, mean)
        Object.assign(nextSlots, moments)
        const update = tf.mul(grad, inverseRoot(name, moments))
        const size = tf.mul(tf.maximum(rootMeanSquare(param), epsilon2), rate)
        const excess = tf.maximum(tf.div(rootMeanSquare(update), clipThreshold), 1)
        nextParams[name] = tf.sub(param, tf.mul(update, tf.div(size, excess)))
      }
      return { params: nextParams, slots: nextSlots }
    },
  }
}

function momentShapes(params: Shaped): Shaped {
  return Object.fromEntries(
    Object.entries(params).flatMap(([name, { shape }]) =>
      shape.length < 2
        ? Object.entries(slotsLike({ [name]: { shape } }, 'v'))
        : [
            [rowOf(name), { shape: shape.slice(0, -1) }] as const,
            [columnOf(name), { shape: [...shape.slice(0, -2), ...shape.slice(-1)] }] as const,
          ],
    ),
  )
}

function nextMoments(
  name: string,
  square: Tensor,
  slots: Tensors,
  mean: (old: Tensor, value: Tensor) => Tensor,
): Record<string, Tensor> {
  if (square.rank < 2) return { [`${name}/v`]: mean(tensorAt(slots, `${name}/v`), square) }
  return {
    [rowOf(name)]: mean(tensorAt(slots, rowOf(name)), tf.mean(square, -1)),
    [columnOf(name)]: mean(tensorAt(slots, columnOf(name)), tf.mean(square, square.rank - 2)),
  }
}

/** 1 / √v, where v is an outer product by its two factors, so that the root is taken of few numbers. */
function inverseRoot(name: string, moments: Tensors): Tensor {
  const whole = moments[`${name}/v`]
  if (whole) return tf.rsqrt(whole)
  const row = tensorAt(moments, rowOf(name))
  const column = tensorAt(moments, columnOf(name))
  // A row without gradients beside large ones would round to 0, and its update to 0 · ∞ (in Keras too).
  const share = tf.maximum(tf.div(row, tf.mean(row, -1, true)), SMALLEST_SHARE)
  return tf.mul(tf.expandDims(tf.rsqrt(share), -1), tf.expandDims(tf.rsqrt(column), -2))
}

function rootMeanSquare(x: Tensor): Tensor {
  return tf.sqrt(tf.mean(tf.square(x)))
}
