import { type Shape, show } from '../shape.js'
import type { Reject } from './connect.js'

/** How a window moves along each axis of positions, one number an axis. */
export interface Sliding {
  readonly size: Shape
  readonly strides: Shape
  /** Distance between taps; 1 without it. */
  readonly dilation?: Shape
  readonly padding: 'valid' | 'same' | 'causal'
}

/**
 * Positions of a window along each axis. `valid`: ⌊(extent − window) / stride⌋ + 1; `same`, `causal`: ⌈extent / stride⌉.
 * A window of k taps at distance d covers (k − 1) · d + 1.
 * @throws what `reject` makes, if a window does not fit, or strides and dilation are both above 1.
 */
export function slide(positions: Shape, { size, strides, dilation = [], padding }: Sliding, reject: Reject): number[] {
  if (strides.some((stride) => stride > 1) && dilation.some((distance) => distance > 1))
    throw reject(`strides ${show(strides)} and dilation ${show(dilation)} are both above 1; set one of them to 1`)
  const windows = size.map((taps, axis) => (taps - 1) * (dilation[axis] ?? 1) + 1)
  return positions.map((extent, axis) => {
    const window = windows[axis] ?? 1
    const stride = strides[axis] ?? 1
    if (padding !== 'valid') return Math.ceil(extent / stride)
    if (window > extent)
      throw reject(
        `its window ${show(windows)} is larger than its input ${show(positions)}; take a smaller window, padding 'same' or fewer strides before it`,
      )
    return Math.floor((extent - window) / stride) + 1
  })
}

/** Positions that a transposed window writes: `valid`: (extent − 1) · stride + max(window, stride); `same`: extent · stride. */
export function spread(positions: Shape, { size, strides, padding }: Sliding): number[] {
  return positions.map((extent, axis) => {
    const stride = strides[axis] ?? 1
    return padding === 'valid' ? (extent - 1) * stride + Math.max(size[axis] ?? 1, stride) : extent * stride
  })
}

/** One number for all three axes, or each of them. */
export const triple = (window: number | readonly [number, number, number]): readonly [number, number, number] =>
  typeof window === 'number' ? [window, window, window] : window
