import type { ClippingSpec } from '../../contracts/clipping.js'

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

/**
 * What a quick step says of its clipping, of the figures of `infoOf`: those that follow from the norms it needs. For `value` and `adaptive` that
 * leaves out what takes further passes over the gradients.
 */
export function quickFigures({ mode, shadow }: ClippingSpec): readonly string[] {
  return [
    ...['gradientNorm', 'clipScale', 'clipped', 'threshold', 'tensorNorms'],
    isUneven(mode) ? 'tensorEngaged' : 'tensorScales',
    ...(shadow.length > 0 ? ['shadow'] : []),
  ]
}
