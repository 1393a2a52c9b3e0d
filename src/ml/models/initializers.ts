import type { Random } from '../random.js'

export type InitializerName = 'glorot-uniform' | 'he-normal' | 'zeros'

/** Inputs and outputs that one weight of a kernel connects: [inputs, outputs], or [height, width, in, out] with the window counted in. */
export function fans(shape: readonly number[]): { fanIn: number; fanOut: number } {
  const window = shape.slice(0, -2).reduce((product, extent) => product * extent, 1)
  return { fanIn: window * (shape.at(-2) ?? 1), fanOut: window * (shape.at(-1) ?? 1) }
}

/**
 * - `glorot-uniform`: U(−b, b), b = √(6 / (fanIn + fanOut)) (Glorot & Bengio, 2010)
 * - `he-normal`: N(0, 2 / fanIn) cut off at two deviations, widened so that the deviation stays √(2 / fanIn), as in Keras (He et al., 2015)
 */
export function initialValues(name: InitializerName, shape: readonly number[], random: Random): Float32Array {
  const values = new Float32Array(shape.reduce((product, extent) => product * extent, 1))
  const { fanIn, fanOut } = fans(shape)
  if (name === 'glorot-uniform') {
    const bound = Math.sqrt(6 / (fanIn + fanOut))
    return values.map(() => (2 * random.uniform() - 1) * bound)
  }
  if (name === 'he-normal') {
    const deviation = Math.sqrt(2 / fanIn) / TRUNCATED_DEVIATION
    return values.map(() => truncatedNormal(random) * deviation)
  }
  return values
}

/** Of a standard normal variable cut off at ±2. */
const TRUNCATED_DEVIATION = 0.879_625_661_034_239_8

function truncatedNormal(random: Random): number {
  let value = random.normal()
  while (Math.abs(value) > 2) value = random.normal()
  return value
}
