import type { Initializer } from '../../contracts/layers/fields.js'
import type { Shape } from '../shape.js'
import type { WeightInitializer, WeightSpec } from './connect.js'

export function trained(shape: Shape, initializer: WeightInitializer): WeightSpec {
  return { shape, initializer, trainable: true }
}

/** A weight that a step sets and no gradient. */
export function moment(shape: Shape, initializer: WeightInitializer): WeightSpec {
  return { shape, initializer, trainable: false }
}

/** `bias` of so many outputs, if the layer has one. */
export function biasFor({ useBias }: { readonly useBias: boolean }, outputs: number): Record<string, WeightSpec> {
  return useBias ? { bias: trained([outputs], 'zeros') } : {}
}

/** `kernel`, and `bias` over its last axis if the layer has one. */
export function affine(
  layer: { readonly useBias: boolean; readonly kernelInitializer: Initializer },
  kernel: Shape,
): Record<string, WeightSpec> {
  return { kernel: trained(kernel, layer.kernelInitializer), ...biasFor(layer, kernel.at(-1) ?? 1) }
}
