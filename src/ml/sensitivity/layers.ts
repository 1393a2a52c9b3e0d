import type { PruningSpec } from '../../contracts/pruning.js'
import { sizeOf } from '../../planning/shape.js'
import type { CriterionContext } from '../pruning/criteria/elements.js'
import { elementsOf, type Masks } from '../pruning/granularity/pieces.js'
import { isScored } from '../pruning/granularity/units.js'
import { type Scored, updateMasks } from '../pruning/masks.js'
import { type Collected, scoreTargets } from '../pruning/scoring.js'
import type { Target } from '../pruning/targets.js'

/** A layer, or a group of layers whose units are coupled, that loses weights by itself. */
export interface ScannedLayer {
  /** As `scannedLayers` of planning calls it. */
  readonly name: string
  /** Its kernels and embeddings, or its group, with the scores of the dense network. */
  readonly scored: readonly Scored[]
  /** Names and sizes of the weights that have a mask: of units bias and normalization too. */
  readonly sizes: Readonly<Record<string, number>>
}

/** The layers of a scan in the order of the model, scored once. */
export function scoreLayers(
  spec: PruningSpec,
  targets: readonly Target[],
  collected: Collected,
  context: CriterionContext,
): ScannedLayer[] {
  const scored = scoreTargets(spec, targets, collected, context)
  const layers = new Map<string, ScannedLayer>()
  targets.forEach((target, index) => {
    const name = target.group ? target.pieces.name : (target.scored[0]?.layer ?? '')
    const before = layers.get(name)
    const sizes = Object.fromEntries(
      target.masked.map((weight) => [weight, sizeOf(elementsOf(target.shapes, weight))] as const),
    )
    const own = scored[index]
    layers.set(name, {
      name,
      scored: [...(before?.scored ?? []), ...(own ? [own] : [])],
      sizes: { ...before?.sizes, ...sizes },
    })
  })
  return [...layers.values()]
}

/** Masks of the weights that lose something when each layer has the sparsity at its place; 0 leaves it alone. Counts are those of pruning in scope `layer`. */
export function masksAt(layers: readonly ScannedLayer[], sparsities: readonly number[]): Masks {
  let masks: Masks = {}
  layers.forEach(({ scored, sizes }, index) => {
    const sparsity = sparsities[index] ?? 0
    if (sparsity === 0) return
    const whole = Object.entries(sizes).map(([name, size]) => [name, new Uint8Array(size).fill(1)] as const)
    const amount = {
      sparsity,
      scope: 'layer',
      distribution: 'uniform',
      bounds: { min: 0, max: 1 },
      roundTo: 1,
    } as const
    masks = updateMasks(scored, { ...Object.fromEntries(whole), ...masks }, amount).masks
  })
  return masks
}

/** Kernels and embeddings of these layers, with their sizes. */
export function weightsOf(layers: readonly ScannedLayer[]): Record<string, number> {
  return Object.fromEntries(layers.flatMap(({ sizes }) => Object.entries(sizes).filter(([name]) => isScored(name))))
}

/** Weights that masks remove, biases and normalization not counted. */
export function removedBy(masks: Masks): number {
  return Object.entries(masks)
    .filter(([name]) => isScored(name))
    .reduce((sum, [, mask]) => sum + mask.reduce((left, bit) => left - bit, mask.length), 0)
}

/** Whether a sparsity can be reached in each of these layers: of units one stays. */
export function isReached(layers: readonly ScannedLayer[], sparsity: number): boolean {
  return layers.every(({ scored }) =>
    scored.every(({ pieces }) => Math.round(sparsity * pieces.count) <= pieces.count - pieces.least),
  )
}
