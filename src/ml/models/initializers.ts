import type { WeightInitializer } from '../../planning/layers/connect.js'
import type { Random } from '../../random.js'
import { orthogonalValues } from './orthogonal.js'

interface Fans {
  readonly fanIn: number
  readonly fanOut: number
}

/** Inputs and outputs that one weight of a kernel connects: [inputs, outputs], or [height, width, in, out] with the window counted in. */
export function fans(shape: readonly number[]): Fans {
  if (shape.length === 1) return { fanIn: shape[0] ?? 1, fanOut: shape[0] ?? 1 }
  const window = shape.slice(0, -2).reduce((product, extent) => product * extent, 1)
  return { fanIn: window * (shape.at(-2) ?? 1), fanOut: window * (shape.at(-1) ?? 1) }
}

type Named = Extract<WeightInitializer, string>
type Kind = Exclude<WeightInitializer, string>
type Fill = (shape: readonly number[], random: Random) => Float32Array

/** Variance of the named distributions by the fans. */
const glorot = ({ fanIn, fanOut }: Fans) => 2 / (fanIn + fanOut)
const he = ({ fanIn }: Fans) => 2 / fanIn
const lecun = ({ fanIn }: Fans) => 1 / fanIn

/**
 * `uniform`: U(−b, b), b = √(3 · variance); `normal`: N(0, variance) cut off at two deviations and widened to keep its variance, as in Keras.
 * Variance: `glorot` 2 / (fanIn + fanOut) (Glorot & Bengio, 2010), `he` 2 / fanIn (He et al., 2015), `lecun` 1 / fanIn (LeCun et al., 1998).
 */
const BY_NAME = {
  zeros: (shape) => constant(shape, 0),
  ones: (shape) => constant(shape, 1),
  'glorot-uniform': (shape, random) => {
    const { fanIn, fanOut } = fans(shape)
    return uniform(shape, Math.sqrt(6 / (fanIn + fanOut)), random)
  },
  'glorot-normal': truncated(glorot),
  'he-uniform': (shape, random) => uniform(shape, Math.sqrt(3 * he(fans(shape))), random),
  'he-normal': truncated(he),
  'lecun-uniform': (shape, random) => uniform(shape, Math.sqrt(3 * lecun(fans(shape))), random),
  'lecun-normal': truncated(lecun),
  orthogonal: (shape, random) => orthogonalValues(shape, 1, random),
} satisfies Record<Named, Fill>

/** The first values of a weight, as its initializer says. */
export function initialValues(initializer: WeightInitializer, shape: readonly number[], random: Random): Float32Array {
  return typeof initializer === 'string' ? BY_NAME[initializer](shape, random) : ofKind(initializer, shape, random)
}

function ofKind(initializer: Kind, shape: readonly number[], random: Random): Float32Array {
  switch (initializer.kind) {
    case 'constant':
      return constant(shape, initializer.value)
    case 'normal':
      return drawn(shape, () => random.normal() * initializer.deviation)
    case 'uniform':
      return uniform(shape, initializer.limit, random)
    case 'orthogonal':
      return orthogonalValues(shape, initializer.gain, random)
    case 'blocks':
      return blocks(shape, initializer.values)
  }
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1)
const drawn = (shape: readonly number[], draw: () => number) => new Float32Array(sizeOf(shape)).map(draw)
const constant = (shape: readonly number[], value: number) => new Float32Array(sizeOf(shape)).fill(value)
const uniform = (shape: readonly number[], limit: number, random: Random) =>
  drawn(shape, () => (2 * random.uniform() - 1) * limit)

/** The last axis in as many equal parts as there are values. */
function blocks(shape: readonly number[], values: readonly number[]): Float32Array {
  const columns = shape.at(-1) ?? 1
  const width = columns / values.length
  return constant(shape, 0).map((_, index) => values[Math.floor((index % columns) / width)] ?? 0)
}

/** Of a standard normal variable cut off at ±2. */
const TRUNCATED_DEVIATION = 0.879_625_661_034_239_8

function truncated(variance: (fans: Fans) => number): Fill {
  return (shape, random) => {
    const deviation = Math.sqrt(variance(fans(shape))) / TRUNCATED_DEVIATION
    return drawn(shape, () => truncatedNormal(random) * deviation)
  }
}

function truncatedNormal(random: Random): number {
  let value = random.normal()
  while (Math.abs(value) > 2) value = random.normal()
  return value
}
