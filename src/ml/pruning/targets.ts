import type { PruningSpec } from '../../contracts/pruning.js'
import { removesUnits } from '../../contracts/pruning-granularity.js'
import type { NamedModel } from '../../planning/presets.js'
import { type PrunableWeight, prunableWeights, selectedWeights } from '../../planning/prunable.js'
import { selectedGroups } from '../../planning/prunable-groups.js'
import { type Shape, sizeOf } from '../../planning/shape.js'
import { describeLayers, type LayerDescription } from '../../planning/shapes.js'
import { type UnitGroup, unitGroups } from '../../planning/units/groups.js'
import { analyzeUnits } from '../../planning/units/units.js'
import { takesInput } from './evidence.js'
import { blockPieces } from './granularity/blocks.js'
import { elementPieces } from './granularity/elements.js'
import { matrixOf } from './granularity/matrix.js'
import type { Pieces } from './granularity/pieces.js'
import { type UnitScoring, unitPieces } from './granularity/units.js'

/** A weight, or a group of coupled units, with the pieces that it loses. */
export interface Target {
  readonly pieces: Pieces
  /** The weights whose elements are scored. */
  readonly scored: readonly PrunableWeight[]
  /** Names of the weights that have a mask: of units bias and normalization too. */
  readonly masked: readonly string[]
  /** Of the first weight that is scored. */
  readonly shape: Shape
  /** Null for a weight by itself. */
  readonly group: UnitGroup | null
  /** Of every weight of the model. */
  readonly shapes: Readonly<Record<string, Shape>>
}

/** What a spec prunes, in the order of the layers. */
export function targetsOf(spec: PruningSpec, model: NamedModel): Target[] {
  const { granularity } = spec
  const layers = describeLayers(model)
  const shapes = shapesOf(layers)
  if (removesUnits(granularity)) {
    const scoring = 'coupled' in granularity ? granularity : { pooling: 'l2' as const, coupled: false }
    const groups = selectedGroups(spec, layers, unitGroups(analyzeUnits(model)))
    return groups.map((group) => groupTarget(group, scoring, prunableWeights(layers), shapes))
  }
  return selectedWeights(spec, layers).map((weight) => {
    const { name, shape, isTransposed } = weight
    const pieces =
      granularity.kind === 'block'
        ? blockPieces(name, matrixOf(shape, isTransposed), granularity)
        : elementPieces(name, sizeOf(shape))
    return { pieces, scored: [weight], masked: [name], shape, group: null, shapes }
  })
}

function groupTarget(
  group: UnitGroup,
  scoring: UnitScoring,
  weights: readonly PrunableWeight[],
  shapes: Target['shapes'],
): Target {
  const namesOf = (side: 'output' | 'input') =>
    new Set(group.units.flatMap((unit) => unit[side].map(({ weight }) => weight)))
  const [making, taking] = [namesOf('output'), namesOf('input')]
  const scored = weights.filter(({ name }) => making.has(name) || (scoring.coupled && taking.has(name)))
  return {
    pieces: unitPieces(group, shapes, scoring),
    ...{ scored, masked: [...making], group, shapes },
    shape: scored[0]?.shape ?? [],
  }
}

/** Names of the weights that have a mask. */
export function maskedWeights(targets: readonly Target[]): string[] {
  return [...new Set(targets.flatMap(({ masked }) => masked))]
}

/** The weights whose elements are scored. */
export function scoredWeights(targets: readonly Target[]): PrunableWeight[] {
  return [...new Map(targets.flatMap(({ scored }) => scored.map((weight) => [weight.name, weight]))).values()]
}

/** Names of the layers that multiply what is pruned by their inputs: of a weight its own, of units those that use them. */
export function consumersOf(targets: readonly Target[]): string[] {
  const weights = targets.flatMap(({ pieces, group }) =>
    group ? group.units.flatMap(({ input }) => input.map(({ weight }) => weight)) : [pieces.name],
  )
  return [...new Set(weights.filter(takesInput).map((weight) => weight.slice(0, weight.lastIndexOf('/'))))]
}

function shapesOf(layers: readonly LayerDescription[]): Target['shapes'] {
  return Object.fromEntries(
    layers.flatMap(({ weights }) => Object.entries(weights).map(([name, { shape }]) => [name, shape])),
  )
}
