import { type Shape, show } from '../shape.js'
import type { Reject } from './connect.js'

type Extents<N extends readonly string[]> = { readonly [K in keyof N]: number }

export const TIME = ['time', 'features'] as const
export const IMAGE = ['height', 'width', 'channels'] as const
export const VOLUME = ['depth', 'height', 'width', 'channels'] as const

/**
 * The extents of a shape that must have these axes, in order; `type` is the layer that asks.
 * @throws what `reject` makes, if it has fewer or more axes.
 */
export function extentsOf<const N extends readonly string[]>(
  shape: Shape,
  names: N,
  type: string,
  reject: Reject,
): Extents<N> {
  if (shape.length !== names.length)
    throw reject(`${type} takes [${names.join(', ')}] but its input is ${show(shape)}; ${remedy(shape, names)}`)
  // One extent a name, as was just checked.
  return shape as unknown as Extents<N>
}

function remedy(shape: Shape, names: readonly string[]): string {
  if (names.length === 1) return 'put a flatten or a global pooling layer before it'
  if (names === TIME && shape.length === 1)
    return 'put an embedding before it if these are ids, a reshape or repeat-vector layer otherwise, or set returnSequences on the layer before'
  const added = [...shape, ...Array<number>(Math.max(0, names.length - shape.length)).fill(1)]
  return added.length === names.length
    ? `put a reshape layer before it, to ${show(added)} or another shape of ${names.length} axes`
    : `put a reshape layer before it that leaves ${names.length} axes`
}

/**
 * Place of an axis in the shape of an example. In a spec it counts from 1, the batch being 0, or from −1 backwards.
 * @throws what `reject` makes, for the batch axis and beyond the last.
 */
export function placeOf(axis: number, shape: Shape, reject: Reject): number {
  const place = axis < 0 ? shape.length + axis : axis - 1
  if (axis === 0 || place < 0 || place >= shape.length)
    throw reject(
      axis === 0
        ? 'axis 0 is the batch, whose examples must not mix; count the axes of the example from 1, or from −1 backwards'
        : `there is no axis ${axis} in ${show(shape)}; give one from 1 to ${shape.length}, or from −1 to −${shape.length}`,
    )
  return place
}
