import type { LossName, LossOptions } from '../../contracts/loss.js'
import {
  binaryCrossentropy,
  binaryCrossentropyOfProbabilities,
  categoricalCrossentropy,
  categoricalCrossentropyOfProbabilities,
} from './crossentropy.js'
import { cosineSimilarity, klDivergence } from './divergence.js'
import { categoricalHinge, hinge, squaredHinge } from './hinge.js'
import type { Loss } from './loss.js'
import {
  huber,
  logCosh,
  meanAbsoluteError,
  meanAbsolutePercentageError,
  meanSquaredError,
  meanSquaredLogarithmicError,
  poisson,
} from './regression.js'

/** What cross-entropies are given; the others take outputs as they are. */
export type CrossentropyInput = 'logits' | 'probabilities'

/** Options as in `LossOptions`: `labelSmoothing` in [0, 1), default 0; `huberDelta` > 0, default 1. */
export function makeLoss(name: LossName, options: LossOptions = {}, input: CrossentropyInput = 'logits'): Loss {
  return LOSSES[name](options, input)
}

type Factory = (options: LossOptions, input: CrossentropyInput) => Loss

const categorical: Factory = ({ labelSmoothing = 0 }, input) =>
  input === 'logits' ? categoricalCrossentropy(labelSmoothing) : categoricalCrossentropyOfProbabilities(labelSmoothing)

const LOSSES = {
  'sparse-categorical-crossentropy': categorical,
  'categorical-crossentropy': categorical,
  'binary-crossentropy': ({ labelSmoothing = 0 }, input) =>
    input === 'logits' ? binaryCrossentropy(labelSmoothing) : binaryCrossentropyOfProbabilities(labelSmoothing),
  'mean-squared-error': () => meanSquaredError,
  'mean-absolute-error': () => meanAbsoluteError,
  huber: ({ huberDelta = 1 }) => huber(huberDelta),
  'log-cosh': () => logCosh,
  'mean-squared-logarithmic-error': () => meanSquaredLogarithmicError,
  'mean-absolute-percentage-error': () => meanAbsolutePercentageError,
  'cosine-similarity': () => cosineSimilarity,
  poisson: () => poisson,
  hinge: () => hinge,
  'squared-hinge': () => squaredHinge,
  'categorical-hinge': () => categoricalHinge,
  'kl-divergence': () => klDivergence,
} satisfies Record<LossName, Factory>
