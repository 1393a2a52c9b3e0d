import type { PruningSpec } from '../../contracts/pruning.js'
import { removesUnits } from '../../contracts/pruning-granularity.js'
import { makeRandom } from '../../random.js'
import { unitEvidence } from './evidence.js'
import { matrixOf } from './granularity/matrix.js'
import { selectOfGroups } from './granularity/n-of-m.js'
import { elementsOf, type Masks } from './granularity/pieces.js'
import { visit } from './granularity/units.js'
import { type PieceUpdate, updateMasks } from './masks.js'
import { exchange, exchangeShare } from './regrow.js'
import { type Collected, scoreTargets } from './scoring.js'
import { shrink, shrinkFactor } from './shrinkage.js'
import type { Target } from './targets.js'

/** What a mask update starts from. */
export interface Situation {
  readonly spec: PruningSpec
  readonly targets: readonly Target[]
  /** Masks so far, of every weight that has one. */
  readonly previous: Masks
  readonly collected: Collected
}

export interface Moment {
  readonly seed: number
  readonly step: number
  /** What the schedule says, and its share of the final sparsity. */
  readonly sparsity: number
  readonly progress: number
  /** Of the schedule, for the exchange of weights. */
  readonly begin: number
  readonly end: number
}

/** New masks, and new values of weights where they change otherwise than to 0. */
export interface Decision {
  readonly masks: Masks
  readonly updates: readonly PieceUpdate[]
  readonly values: Readonly<Record<string, Float32Array<ArrayBuffer>>>
  /** 1 where an element came back, which then begins at 0, with its slots; of weights that have some. */
  readonly grown: Masks
}

/** One mask update, by whatever the spec says: a sparsity, groups, a threshold, an exchange, or shrinkage. */
export function decideMasks(situation: Situation, moment: Moment): Decision {
  const { spec } = situation
  if (spec.granularity.kind === 'n-of-m') return ofGroups(situation, spec.granularity, moment)
  if (spec.selection.kind === 'shrinkage') {
    const { alpha } = spec.selection
    return removesUnits(spec.granularity) ? shrinkUnits(situation, alpha) : shrinkWeights(situation, alpha)
  }
  if (spec.regrow) return regrow(situation, spec.regrow, moment)
  return byScore(situation, moment)
}

function byScore({ spec, targets, previous, collected }: Situation, moment: Moment): Decision {
  const { scope, distribution, layerSparsity, roundTo, selection } = spec
  const scored = scoreTargets(spec, targets, collected, moment)
  const bounds = { min: layerSparsity.min * moment.progress, max: layerSparsity.max }
  const amount =
    selection.kind === 'threshold'
      ? { alpha: selection.alpha, bounds, roundTo }
      : { sparsity: moment.sparsity, scope, distribution, bounds, roundTo }
  return { ...updateMasks(scored, previous, amount), values: {}, grown: {} }
}

function ofGroups(
  { spec, targets, previous, collected }: Situation,
  groups: { readonly keep: number; readonly of: number },
  moment: Moment,
): Decision {
  const scored = scoreTargets(spec, targets, collected, moment)
  const masks = Object.fromEntries(
    targets.map(({ pieces, scored: [weight] }, index) => [
      pieces.name,
      selectOfGroups(
        scored[index]?.scores ?? new Float32Array(),
        matrixOf(weight?.shape ?? [], weight?.isTransposed),
        groups,
        previous[pieces.name],
      ),
    ]),
  )
  return { masks, updates: countsOf(masks), values: {}, grown: {} }
}

/**
 * The first update removes at random, so that training is sparse from then on; each later one exchanges a share of what is kept. What
 * comes back begins at 0.
 */
function regrow(situation: Situation, options: NonNullable<PruningSpec['regrow']>, moment: Moment): Decision {
  const { spec, targets, previous, collected } = situation
  if (Object.values(previous).every((mask) => mask.every((bit) => bit === 1)))
    return byScore({ ...situation, spec: { ...spec, criterion: 'random' } }, moment)
  const scored = scoreTargets(spec, targets, collected, moment)
  const masks: Record<string, Uint8Array<ArrayBuffer>> = {}
  const grown: Record<string, Uint8Array<ArrayBuffer>> = {}
  targets.forEach(({ pieces: { name } }, index) => {
    const before = elementsOf(previous, name)
    const kept = before.reduce((sum, bit) => sum + bit, 0)
    const count = Math.min(Math.round(exchangeShare(options, moment) * kept), before.length - kept)
    const growth = growthOf(name, before.length, options.by, collected, moment)
    const exchanged = exchange(before, { scores: scored[index]?.scores ?? new Float32Array(), growth }, count)
    masks[name] = exchanged.mask
    grown[name] = exchanged.grown
  })
  return { masks, updates: countsOf(masks), values: {}, grown }
}

function growthOf(
  name: string,
  size: number,
  by: 'gradient' | 'random',
  { gradients }: Collected,
  { seed, step }: Moment,
): Float32Array {
  if (by === 'gradient') return elementsOf(gradients ?? {}, name).gradient.map(Math.abs)
  const random = makeRandom(seed, `grow/${step}/${name}`)
  return Float32Array.from({ length: size }, () => random.uniform())
}

function shrinkWeights({ targets, previous, collected }: Situation, alpha: number): Decision {
  const values = Object.fromEntries(
    targets.map(({ pieces: { name } }) => [name, shrink(elementsOf(collected.values, name), alpha)]),
  )
  const masks = Object.fromEntries(
    Object.entries(previous).map(([name, mask]) => [name, mask.map((bit, i) => (values[name]?.[i] === 0 ? 0 : bit))]),
  )
  return { masks, updates: countsOf(masks), values, grown: {} }
}

/** The mean output p of a unit becomes p · max(0, α − p): what the layers after it multiply it by is scaled. */
function shrinkUnits({ spec, targets, previous, collected }: Situation, alpha: number): Decision {
  const values: Record<string, Float32Array<ArrayBuffer>> = {}
  const factors = targets.map(({ group, pieces, shapes }) => {
    const { meanActivation = new Float32Array(pieces.count) } = group
      ? unitEvidence(spec.criterion, { group, shapes }, collected)
      : {}
    return Float32Array.from(meanActivation, (mean) => shrinkFactor(mean, alpha))
  })
  const scored = targets.map(({ group, pieces, shape, shapes }, index) => {
    group?.units.forEach(({ input }, unit) => {
      for (const part of input) {
        const weight = values[part.weight] ?? Float32Array.from(elementsOf(collected.values, part.weight))
        values[part.weight] = weight
        visit(part, shapes, (element) => {
          weight[element] = (weight[element] ?? 0) * (factors[index]?.[unit] ?? 1)
        })
      }
    })
    return { pieces, shape, scores: factors[index] ?? new Float32Array() }
  })
  // The smallest positive float32: below it is only 0.
  const none = { alpha: 1.4e-45, bounds: { min: 0, max: 1 }, roundTo: 1 }
  return { ...updateMasks(scored, previous, none), values, grown: {} }
}

function countsOf(masks: Masks): PieceUpdate[] {
  return Object.entries(masks).map(([name, mask]) => ({
    ...{ name, pieces: mask.length, threshold: null },
    removed: mask.length - mask.reduce((sum, bit) => sum + bit, 0),
  }))
}
