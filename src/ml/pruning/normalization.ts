import type { ScoreNormalization } from '../../contracts/pruning.js'

/** By magnitude: scores of movement may be below 0. */
const sum = (scores: Float32Array) => scores.reduce((total, score) => total + Math.abs(score), 0)

const DIVISORS = {
  none: () => 1,
  sum,
  mean: (scores) => sum(scores) / scores.length,
  max: (scores) => scores.reduce((largest, score) => Math.max(largest, Math.abs(score)), 0),
  l2: (scores) => Math.sqrt(scores.reduce((total, score) => total + score * score, 0)),
} satisfies Record<ScoreNormalization, (scores: Float32Array) => number>

/** Scores of one layer, made comparable with those of others; scores that are all 0 stay 0. */
export function normalize(scores: Float32Array, kind: ScoreNormalization): Float32Array {
  const divisor = DIVISORS[kind](scores)
  return divisor > 0 && divisor !== 1 ? scores.map((score) => score / divisor) : scores
}
