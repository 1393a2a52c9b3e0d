import { FormatError } from '../format-error.js'
import type { TypedTensor } from '../safetensors.js'

/** The values of a tensor as unsigned numbers, so that −0 and every NaN stay what they are; 0 stands for +0 alone. */
export type Bits = Uint32Array | Uint8Array

export interface BitTensor {
  readonly shape: readonly number[]
  readonly bits: Bits
  /** Of `bits`. */
  readonly nonZeros: number
}

/** By the suffix of their names. `values` hold the bits of the elements that are kept. */
export interface Parts {
  readonly values: Bits
  readonly [suffix: string]: Bits | Uint16Array
}

/** How a tensor could be stored. */
export interface Plan {
  /** Of all parts together. */
  readonly bytes: number
  /** What a reader needs to know besides the shape. */
  readonly fields: Readonly<Record<string, number>>
  write(): Parts
}

/** What a file says about a tensor. */
export interface Found {
  readonly name: string
  readonly shape: readonly number[]
  readonly fields: Readonly<Record<string, unknown>>
  /** All of them, with the types that a file has. */
  readonly parts: Readonly<Record<string, TypedTensor>>
  readonly values: Bits
}

/** One way to leave out zeros. */
export interface Encoding {
  /** Names of the parts besides `values`, in the order in which they are written. */
  readonly indexes: readonly string[]
  /** Null where it is not possible, or takes no fewer than `limit` bytes. */
  plan(tensor: BitTensor, limit: number): Plan | null
  /**
   * Puts the values into `bits`, which are 0.
   * @throws FormatError if the parts are not what `plan` writes for this shape.
   */
  read(found: Found, bits: Bits): void
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1)
}

/** All elements that are not 0, in order. */
export function nonZerosOf({ bits, nonZeros }: BitTensor): Bits {
  const values = emptyLike(bits, nonZeros)
  let next = 0
  for (const value of bits) if (value !== 0) values[next++] = value
  return values
}

export function emptyLike(bits: Bits, length: number): Bits {
  return bits instanceof Uint32Array ? new Uint32Array(length) : new Uint8Array(length)
}

/** @throws FormatError if the part is missing, or has another type or number of elements. */
export function partOf(found: Found, suffix: string, length: number, dtypes: readonly TypedTensor['dtype'][]) {
  const part = found.parts[suffix]
  if (!part) throw broken(found, `it has no ${found.name}:${suffix}`)
  if (!dtypes.includes(part.dtype))
    throw broken(found, `${suffix} are ${part.dtype} where ${dtypes.join(' or ')} is expected`)
  if (part.values.length !== length)
    throw broken(found, `${part.values.length} ${suffix} where the shape [${found.shape.join(', ')}] needs ${length}`)
  return part.values
}

export function broken({ name }: Pick<Found, 'name'>, detail: string): FormatError {
  return new FormatError(`tensor ${name}: ${detail}`)
}
