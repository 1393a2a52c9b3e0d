import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core'
import { problem } from '../../errors.js'
import { matchesAny } from '../../planning/patterns.js'
import { tf } from '../engine/tensorflow.js'
import type { Tensors } from '../engine/types.js'
import type { Shaped } from '../optimizers/optimizer.js'

/** Which tensors of a record are clipped, in its order. */
export interface Selection {
  readonly isSelected: readonly boolean[]
  readonly all: boolean
}

/** The layer that a weight belongs to: `dense-1` of `dense-1/kernel`. */
export const layerOf = (param: string): string => param.split('/', 1)[0] ?? param

/**
 * The weights of the layers that `include` names and `exclude` does not; `*` stands for any characters.
 * @throws SPEC_INVALID if they leave no weight: the mode would do nothing.
 */
export function selectionOf(
  { include, exclude }: { readonly include: readonly string[]; readonly exclude: readonly string[] },
  params: Shaped,
): Selection {
  const isSelected = Object.keys(params).map((param) => {
    const layer = layerOf(param)
    return matchesAny(include, layer) && !matchesAny(exclude, layer)
  })
  if (!isSelected.includes(true)) {
    const detail = 'include and exclude together leave no layer to clip'
    throw problem('SPEC_INVALID', detail, [{ pointer: '/clipping', detail }])
  }
  return { isSelected, all: !isSelected.includes(false) }
}

/** Applies `change` to the selected tensors and hands the others through. */
export function mapSelected(
  grads: Tensors,
  { isSelected }: Selection,
  change: (grad: Tensor, index: number) => Tensor,
): Tensors {
  return Object.fromEntries(
    Object.entries(grads).map(([name, grad], index) => [name, isSelected[index] ? change(grad, index) : grad]),
  )
}

/** The entries of a list that are selected, or those that are not. */
export function pickSelected<T>(list: readonly T[], { isSelected }: Selection, selected = true): T[] {
  return list.filter((_, index) => isSelected[index] === selected)
}

/** [tensors]: `inside` where a tensor is selected, `outside` elsewhere. A vector made in JavaScript would be a constant of the graph. */
export function vectorOf({ isSelected }: Selection, inside: Scalar, outside: Scalar): Tensor1D {
  return tf.stack(isSelected.map((selected) => (selected ? inside : outside))) as Tensor1D // stacks scalars
}

/** `values` [tensors] where a tensor is selected, `otherwise` elsewhere. */
export function whereSelected(selection: Selection, values: Tensor1D, otherwise: number): Tensor1D {
  if (selection.all) return values
  const mask = vectorOf(selection, tf.scalar(1), tf.scalar(0))
  return tf.where(tf.greater(mask, 0), values, tf.fill(values.shape, otherwise)) as Tensor1D // shape of `values`
}
