import type { ClippingSpec } from '../../contracts/clipping.js'
import type { Outputs } from '../engine/types.js'

/** Numbers that a step says of each shadow: norm after it, smallest factor, 1 if it would have changed anything. */
export const NUMBERS_OF_A_SHADOW = 3

/** Whether a mode may give the elements of one tensor different factors; then it turns the gradient of the tensor. */
export function isUneven(mode: ClippingSpec['mode']): boolean {
  return mode === 'value' || mode === 'adaptive'
}

/** Whether a mode may turn the gradient of a layer: its elements, units or tensors may get different factors. */
export function turnsLayers(mode: ClippingSpec['mode']): boolean {
  return isUneven(mode) || mode === 'norm' || mode === 'block-rms' || mode === 'ada-gc'
}

/** Names and lengths of some outputs of a step that lie one behind the other in one vector: each output by itself costs a copy to the host. */
export type Layout = readonly (readonly [name: string, length: number])[]

export const SCALAR_FIGURES = ['gradientNorm', 'clipScale', 'clipped', 'threshold'] as const

/**
 * What a quick step says of its clipping, of the figures of `infoOf`: those that follow from the norms it needs. For `value` and `adaptive` that
 * leaves out what takes further passes over the gradients.
 */
export function quickFigures({ mode, shadow }: ClippingSpec, tensors: number): Layout {
  return [
    ...SCALAR_FIGURES.map((name) => [name, 1] as const),
    ['tensorNorms', tensors],
    [isUneven(mode) ? 'tensorEngaged' : 'tensorScales', tensors],
    ...(shadow.length > 0 ? [['shadow', shadow.length * NUMBERS_OF_A_SHADOW] as const] : []),
  ]
}

/** The outputs that `packed` holds, as views of it. */
export function unpack(packed: Outputs[string], layout: Layout): Outputs {
  const outputs: Record<string, Outputs[string]> = {}
  let begin = 0
  for (const [name, length] of layout) {
    outputs[name] = packed.subarray(begin, begin + length)
    begin += length
  }
  return outputs
}
