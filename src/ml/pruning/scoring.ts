import type { PruningSpec } from '../../contracts/pruning.js'
import { CRITERIA, type CriterionName } from '../../contracts/pruning-criterion.js'
import type { PrunableWeight } from '../../planning/prunable.js'
import type { InputStatistics, WeightGradients } from '../calibration.js'
import { type CriterionContext, type ElementCriterionName, scoreWeights } from './criteria/elements.js'
import type { WeightEvidence } from './criteria/evidence.js'
import { UNIT_CRITERIA, type UnitCriterion, type UnitCriterionName } from './criteria/units.js'
import { inputNormsOf, unitEvidence } from './evidence.js'
import type { Scored } from './masks.js'
import { normalize } from './normalization.js'
import { scoredWeights, type Target } from './targets.js'

/** What was measured before a mask update; as far as the criterion needs it. */
export interface Collected {
  /** Of every weight. */
  readonly values: Readonly<Record<string, Float32Array>>
  readonly gradients: Readonly<Record<string, WeightGradients>> | null
  readonly movement: Readonly<Record<string, Float32Array>> | null
  readonly flow: Readonly<Record<string, Float32Array>> | null
  /** By layer. */
  readonly inputs: Readonly<Record<string, InputStatistics>> | null
}

/** The pieces of every target with their scores, normalized as the spec asks for. */
export function scoreTargets(
  spec: PruningSpec,
  targets: readonly Target[],
  collected: Collected,
  context: CriterionContext,
): Scored[] {
  const scores = scoresWeights(spec.criterion)
    ? byElements(spec.criterion, targets, collected, context)
    : byUnits(spec.criterion, targets, collected)
  return targets.map(({ pieces, shape }, index) => ({
    ...{ pieces, shape },
    scores: normalize(scores[index] ?? new Float32Array(), spec.normalization ?? 'none'),
  }))
}

function scoresWeights(criterion: CriterionName): criterion is ElementCriterionName {
  return CRITERIA[criterion].scores === 'elements'
}

/** Scores of single weights, by weight. */
function scoreElements(
  criterion: ElementCriterionName,
  targets: readonly Target[],
  collected: Collected,
  context: CriterionContext,
): Record<string, Float32Array> {
  const weights = scoredWeights(targets)
  return scoreWeights(
    criterion,
    Object.fromEntries(weights.map((weight) => [weight.name, weightEvidence(criterion, weight, collected)])),
    context,
  )
}

function byElements(
  criterion: ElementCriterionName,
  targets: readonly Target[],
  collected: Collected,
  context: CriterionContext,
): Float32Array[] {
  const scores = scoreElements(criterion, targets, collected, context)
  return targets.map(({ pieces }) => pieces.pool(scores))
}

function weightEvidence(
  criterion: ElementCriterionName,
  { name, shape, isTransposed }: PrunableWeight,
  { values, gradients, movement, flow, inputs }: Collected,
): WeightEvidence {
  const layer = inputs?.[name.slice(0, name.lastIndexOf('/'))]
  return {
    values: values[name] ?? new Float32Array(),
    shape,
    ...gradients?.[name],
    ...(movement?.[name] ? { movement: movement[name] } : {}),
    ...(flow?.[name] ? { flow: flow[name] } : {}),
    ...(criterion === 'wanda' && layer ? { inputNorms: inputNormsOf(layer, shape, isTransposed) } : {}),
  }
}

function byUnits(criterion: UnitCriterionName, targets: readonly Target[], collected: Collected): Float32Array[] {
  const score: UnitCriterion = UNIT_CRITERIA[criterion]
  return targets.map(({ group, shapes }) => {
    if (!group) throw new Error(`${criterion} scores units, and was given a weight`)
    return score(unitEvidence(criterion, { group, shapes }, collected))
  })
}
