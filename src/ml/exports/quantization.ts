import { encodeTyped, type StoredTensor, type StoredTensors, type TypedTensor } from '../../formats/safetensors.js'

export type Quantization = 'float16' | 'int8'

export interface Quantized {
  /** A safetensors file. */
  readonly bytes: Uint8Array
  /** What a reader makes of it again. */
  readonly values: StoredTensors
}

/**
 * Weights in fewer bits. `float16`: each rounded to the nearest, ties to even; beyond ±65504 the largest. `int8`: kernels and embeddings as
 * w ≈ q · scale, q from −127 to 127, with one scale for each entry of the last axis (`<weight>:scale`, float32), which is the largest |w| ÷ 127;
 * vectors stay float32. Zeros stay zeros.
 */
export function quantized(weights: StoredTensors, kind: Quantization): Quantized {
  const entries = Object.entries(weights)
  const tensors = entries.map(([name, tensor]) => (kind === 'float16' ? half(name, tensor) : integer(name, tensor)))
  return {
    bytes: encodeTyped(Object.assign({}, ...tensors.map(({ stored }) => stored)), {
      format: `espalier-weights-${kind}`,
      version: '1',
    }),
    values: Object.fromEntries(tensors.map(({ value }, index) => [entries[index]?.[0] ?? '', value])),
  }
}

interface One {
  readonly stored: Readonly<Record<string, TypedTensor>>
  readonly value: StoredTensor
}

function half(name: string, { shape, values }: StoredTensor): One {
  const bits = Uint16Array.from(values, toHalf)
  return {
    stored: { [name]: { dtype: 'F16', shape, values: bits } },
    value: { type: 'float32', shape, values: Float32Array.from(bits, fromHalf) },
  }
}

function integer(name: string, tensor: StoredTensor): One {
  const { shape, values } = tensor
  const columns = shape.at(-1) ?? 1
  if (shape.length < 2) {
    const copy = Float32Array.from(values)
    return {
      stored: { [name]: { dtype: 'F32', shape, values: copy } },
      value: { type: 'float32', shape, values: copy },
    }
  }
  const scales = new Float32Array(columns)
  values.forEach((value, index) => {
    const column = index % columns
    scales[column] = Math.max(scales[column] ?? 0, Math.abs(value) / 127)
  })
  const scaleOf = (index: number) => scales[index % columns] || 1
  const quotients = Int8Array.from(values, (value, index) => Math.round(value / scaleOf(index)))
  return {
    stored: {
      [name]: { dtype: 'I8', shape, values: quotients },
      [`${name}:scale`]: { dtype: 'F32', shape: [columns], values: scales },
    },
    value: { type: 'float32', shape, values: Float32Array.from(quotients, (q, index) => q * scaleOf(index)) },
  }
}

const LARGEST_HALF = 65504

/** The bits of the nearest half-precision number, ties to even. */
export function toHalf(value: number): number {
  const bounded = Math.min(LARGEST_HALF, Math.max(-LARGEST_HALF, value))
  const sign = Object.is(Math.sign(bounded), -1) ? 0x8000 : 0
  const size = Math.abs(bounded)
  if (size === 0) return sign
  // Subnormal below 2^-14: all of them are multiples of 2^-24.
  const exponent = Math.max(-14, Math.floor(Math.log2(size)))
  const unit = 2 ** (exponent - 10)
  const steps = roundHalfToEven(size / unit)
  // Rounding up may reach the next power of two, which the sum below carries over by itself.
  return sign | (exponent === -14 && steps < 1024 ? steps : ((exponent + 15) << 10) + (steps - 1024))
}

export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25))
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}
