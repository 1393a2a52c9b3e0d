import type { Json, ReferenceTensor } from './json.js'

export class Mismatch extends Error {
  override readonly name = 'Mismatch'
}

export interface Tolerance {
  readonly abs: number
  readonly rel: number
}

/** `abs` and `rel` of a case (its own, else those of the file). */
export function toleranceOf(tolerance: Json, absKey = 'abs'): Tolerance {
  return { abs: numberOr(tolerance[absKey], 0), rel: absKey === 'abs' ? numberOr(tolerance.rel, 0) : 0 }
}

/** @throws Mismatch unless |actual − expected| ≤ abs + rel · |expected|; NaN equals NaN, an infinity equals itself. */
export function expectClose(actual: number, expected: number, { abs, rel }: Tolerance, what: string): void {
  if (Object.is(actual, expected) || actual === expected) return
  if (Math.abs(actual - expected) <= abs + rel * Math.abs(expected)) return
  throw new Mismatch(`${what}: ${actual} instead of ${expected}`)
}

/** The same for every element; the lengths must be equal. */
export function expectAllClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: Tolerance,
  what: string,
): void {
  expectEqual(actual.length, expected.length, `${what}: number of elements`)
  for (let i = 0; i < expected.length; i++) {
    expectClose(actual[i] ?? Number.NaN, expected[i] ?? Number.NaN, tolerance, `${what}[${i}]`)
  }
}

export function expectTensorClose(
  actual: { readonly shape: readonly number[]; dataSync(): ArrayLike<number> },
  expected: ReferenceTensor,
  tolerance: Tolerance,
  what: string,
): void {
  expectEqual(actual.shape.join('×'), expected.shape.join('×'), `${what}: shape`)
  expectAllClose(actual.dataSync(), expected.data, tolerance, what)
}

export function expectEqual<T extends string | number | boolean>(actual: T, expected: T, what: string): void {
  if (actual !== expected) throw new Mismatch(`${what}: ${actual} instead of ${expected}`)
}

/** Exact equality of all elements: masks, indexes, steps. */
export function expectSame(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  expectAllClose(actual, expected, { abs: 0, rel: 0 }, what)
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise
}
