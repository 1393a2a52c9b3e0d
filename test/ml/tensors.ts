import type { Tensor } from '@tensorflow/tfjs-core'
import fc from 'fast-check'
import { tf } from '../../src/ml/engine/tensorflow.js'
import type { Tensors } from '../../src/ml/engine/types.js'

export type Values = Readonly<Record<string, Float32Array>>

/** One to four gradients of 1 to 12 elements whose magnitudes are about 10^exponent; no subnormals, which TensorFlow takes for 0. */
export function gradientTrees(exponent: { min: number; max: number } = { min: -3, max: 3 }): fc.Arbitrary<Values> {
  const element = fc.double({ min: -1, max: 1, noNaN: true })
  const scale = fc.integer(exponent)
  return fc
    .array(fc.tuple(fc.array(element, { minLength: 1, maxLength: 12 }), scale), { minLength: 1, maxLength: 4 })
    .map((list) =>
      Object.fromEntries(
        list.map(([values, power], i) => [`w${i}`, Float32Array.from(values, (x) => normal(x * 10 ** power))]),
      ),
    )
}

function normal(x: number): number {
  return Math.abs(x) < 1.2e-38 ? 0 : x
}

export function toTensors(values: Values): Tensors {
  return Object.fromEntries(Object.entries(values).map(([name, list]) => [name, tf.tensor1d(list)]))
}

export function valuesOf(tensors: Tensors): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [name, Float32Array.from(tensor.dataSync())]),
  )
}

export function numberOf(tensor: Tensor | undefined): number {
  return tensor?.dataSync()[0] ?? Number.NaN
}

/** Runs `body` and frees every tensor that it made. */
export function tidily<T>(body: () => T): T {
  tf.engine().startScope()
  try {
    return body()
  } finally {
    tf.engine().endScope()
  }
}

/** p-norm in float64, by the formula, scaled so that nothing overflows. */
export function exactNorm(values: Values, p: number): number {
  const all = Object.values(values).flatMap((list) => [...list].map(Math.abs))
  const largest = Math.max(...all)
  if (largest === 0 || p === Number.POSITIVE_INFINITY) return largest
  return largest * all.reduce((sum, x) => sum + (x / largest) ** p, 0) ** (1 / p)
}
