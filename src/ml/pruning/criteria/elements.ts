import type { CRITERIA, CriterionName } from '../../../contracts/pruning-criterion.js'
import { makeRandom } from '../../../random.js'
import { evidenceOf, type WeightEvidence } from './evidence.js'

/** Names of the criteria that score single weights. */
export type ElementCriterionName = {
  [K in CriterionName]: (typeof CRITERIA)[K]['scores'] extends 'elements' ? K : never
}[CriterionName]

export interface CriterionContext {
  /** Of the job, and of the mask update. */
  readonly seed: number
  readonly step: number
}

/** Scores shaped like the weight called `name`; higher = keep. */
export type ElementCriterion = (evidence: WeightEvidence, name: string, context: CriterionContext) => Float32Array

const combine = (a: Float32Array, b: Float32Array, score: (a: number, b: number) => number) =>
  a.map((value, index) => score(value, b[index] ?? Number.NaN))

/** |w|: small weights matter least. @see Han et al., "Learning both weights and connections for efficient neural networks", 2015. */
const magnitude: ElementCriterion = ({ values }) => values.map(Math.abs)

/** Uniform in [0, 1), from a stream of the seed, the step and the name. */
const random: ElementCriterion = ({ values }, name, { seed, step }) => {
  const stream = makeRandom(seed, `prune/${step}/${name}`)
  return values.map(() => stream.uniform())
}

/** |g|. */
const gradient: ElementCriterion = (evidence) => evidenceOf(evidence, 'gradient').map(Math.abs)

/** |w · g|. @see Molchanov et al., "Importance estimation for neural network pruning", 2019. */
const taylor: ElementCriterion = (evidence) =>
  combine(evidence.values, evidenceOf(evidence, 'gradient'), (w, g) => Math.abs(w * g))

/** ½ h w², h the diagonal of the empirical Fisher matrix. @see LeCun, Denker, Solla, "Optimal brain damage", 1990. */
const obd: ElementCriterion = (evidence) =>
  combine(evidence.values, evidenceOf(evidence, 'squaredGradient'), (w, h) => 0.5 * h * w * w)

/** −Σ w · g. @see Sanh, Wolf, Rush, "Movement pruning: adaptive sparsity by fine-tuning", 2020. */
const movement: ElementCriterion = (evidence) => evidenceOf(evidence, 'movement')

/** |w| ∂R/∂|w|. @see Tanaka et al., "Pruning neural networks without any data by iteratively conserving synaptic flow", 2020. */
const synflow: ElementCriterion = (evidence) =>
  combine(evidence.values, evidenceOf(evidence, 'flow'), (w, flow) => Math.abs(w * flow))

/** |w| · ‖x‖₂. @see Sun et al., "A simple and effective pruning approach for large language models", 2024. */
const wanda: ElementCriterion = (evidence) =>
  combine(evidence.values, evidenceOf(evidence, 'inputNorms'), (w, norm) => Math.abs(w) * norm)

/**
 * w² / Σ v² over the v of the same tensor with |v| ≥ |w|; among equal |w| those of lower index count as larger, so that the order is
 * that of `selectMask`. The largest weight scores 1; 0 scores 0.
 * @see Lee et al., "Layer-adaptive sparsity for the magnitude-based pruning", 2021.
 */
const lamp: ElementCriterion = ({ values }) => {
  const order = Uint32Array.from(values.keys())
  const size = (index: number) => Math.abs(values[index] ?? 0)
  order.sort((a, b) => size(b) - size(a) || a - b)
  const scores = new Float32Array(values.length)
  let sum = 0
  for (const index of order) {
    const square = size(index) ** 2
    sum += square
    scores[index] = square > 0 ? square / sum : 0
  }
  return scores
}

/** The score of a weight by itself; `snip` is divided by the sum over all weights in `scoreWeights`. */
const ELEMENT_CRITERIA = {
  ...{ magnitude, random, lamp, synflow, gradient, taylor, obd, movement, wanda },
  snip: taylor,
} satisfies Record<ElementCriterionName, ElementCriterion>

/** Scores of every weight, by name. */
export function scoreWeights(
  criterion: ElementCriterionName,
  weights: Readonly<Record<string, WeightEvidence>>,
  context: CriterionContext,
): Record<string, Float32Array> {
  const score: ElementCriterion = ELEMENT_CRITERIA[criterion]
  const scores = Object.fromEntries(
    Object.entries(weights).map(([name, evidence]) => [name, score(evidence, name, context)]),
  )
  return criterion === 'snip' ? shareOfSum(scores) : scores
}

/** @see Lee, Ajanthan, Torr, "SNIP: single-shot network pruning based on connection sensitivity", 2019. */
function shareOfSum(scores: Record<string, Float32Array>): Record<string, Float32Array> {
  const sum = Object.values(scores).reduce((total, values) => values.reduce((part, value) => part + value, total), 0)
  if (sum === 0) return scores
  return Object.fromEntries(Object.entries(scores).map(([name, values]) => [name, values.map((value) => value / sum)]))
}
