import type { PruningSpec } from '../contracts/pruning.js'
import { matchesAny } from './patterns.js'
import type { Shape } from './shape.js'
import type { LayerDescription } from './shapes.js'

/** A weight that connects inputs with outputs, and so may lose connections: kernels and embeddings, but no bias or normalization. */
export interface PrunableWeight {
  readonly layer: string
  /** Full name, such as `lstm-1/recurrent-kernel`. */
  readonly name: string
  readonly shape: Shape
  /** Outputs are the last axis but one, as in transposed convolutions. */
  readonly isTransposed: boolean
}

/** In the order of the layers and their weights. */
export function prunableWeights(layers: readonly LayerDescription[]): PrunableWeight[] {
  return layers.flatMap(({ name: layer, type, weights }) =>
    Object.entries(weights)
      .filter(([name, { trainable }]) => trainable && (name.endsWith('kernel') || name.endsWith('/embeddings')))
      .map(([name, { shape }]) => ({ layer, name, shape, isTransposed: type === 'conv2d-transpose' })),
  )
}

/** Those that include and exclude leave. */
export function selectedWeights(
  pruning: Pick<PruningSpec, 'include' | 'exclude'>,
  layers: readonly LayerDescription[],
): PrunableWeight[] {
  return prunableWeights(layers).filter(
    (weight) => matchesWeight(pruning.include, weight) && !matchesWeight(pruning.exclude, weight),
  )
}

/** Patterns name layers, or weights. */
function matchesWeight(patterns: readonly string[], { layer, name }: PrunableWeight): boolean {
  return matchesAny(patterns, layer) || matchesAny(patterns, name)
}
