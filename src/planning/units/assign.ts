import type { Named, Weights } from '../layers/connect.js'
import type { Shape } from '../shape.js'
import type { PlainLayer } from './plain.js'
import type { UnitSpace } from './space.js'

/** What an axis of a weight stands for. */
export interface WeightAxis {
  /** Of each index along the axis. */
  readonly units: Int32Array
  /** `output`: these entries make the unit; `input`: they take what it emits. */
  readonly side: 'input' | 'output'
}

export interface Wiring {
  /** Of each index of the last axis of each input. */
  readonly inputs: readonly [Int32Array, ...Int32Array[]]
  readonly inputShapes: readonly [Shape, ...Shape[]]
  readonly outputShape: Shape
  /** By short name. */
  readonly weights: Weights
  readonly space: UnitSpace
}

export interface Assignment {
  /** Of each index of the last axis of the output. */
  readonly output: Int32Array
  /** True if the layer makes units of its own, false if it passes on those of its inputs. */
  readonly makesUnits: boolean
  /** By short name, an entry an axis, null where no unit is tied to it. Names of weights that a layer lacks do no harm. */
  readonly axes: Readonly<Record<string, readonly (WeightAxis | null)[]>>
}

/** Ties the last axis of what a layer gives, and the axes of its weights, to units. */
export type Assign<L extends PlainLayer> = (layer: Named<L>, wiring: Wiring) => Assignment

export const input = (units: Int32Array): WeightAxis => ({ units, side: 'input' })
export const output = (units: Int32Array): WeightAxis => ({ units, side: 'output' })

/** The list `times` times over: a, b, a, b. */
export function tiled(units: Int32Array, times: number): Int32Array {
  return Int32Array.from({ length: units.length * times }, (_, index) => units[index % units.length] ?? 0)
}

/** Each entry `times` times: a, a, b, b. */
export function repeated(units: Int32Array, times: number): Int32Array {
  return Int32Array.from({ length: units.length * times }, (_, index) => units[Math.floor(index / times)] ?? 0)
}

/** A layer that passes units on, index by index. */
export const passed = (units: Int32Array, axes: Assignment['axes'] = {}): Assignment => ({
  output: units,
  makesUnits: false,
  axes,
})
