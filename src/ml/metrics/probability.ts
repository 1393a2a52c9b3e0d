import { type Evaluated, type Measured, measured, questions, unmeasured } from './evaluated.js'

/** Smallest probability that a logarithm is taken of, as scikit-learn does for float32. */
const SMALLEST = 2 ** -23

/**
 * Mean of −log of the probability that was given to the label, in nats. Classes: of the class's share of the row's sum; labels: mean over them of −log p
 * where they hold, −log(1 − p) where not. Probabilities are clipped to [2⁻²³, 1 − 2⁻²³].
 */
export function logLoss(evaluated: Evaluated): Measured {
  const { target, predictions, labels, rows, size } = evaluated
  if (!areProbabilities(predictions)) return unmeasured(NO_PROBABILITIES)
  if (target === 'classes' && size > 1) {
    let sum = 0
    for (let row = 0; row < rows; row++) {
      const shares = predictions.subarray(row * size, (row + 1) * size)
      const total = shares.reduce((all, share) => all + share, 0)
      if (total === 0) return unmeasured(`row ${row} of the evaluated rows gives every class the probability 0`)
      sum += surprise((shares[labels[row] ?? 0] ?? 0) / total)
    }
    return measured(sum / rows)
  }
  return meanOverAnswers(evaluated, (p, isTrue) => surprise(isTrue ? p : 1 - p))
}

/**
 * Mean of (p − y)²: of the second of two classes; over all labels; of more classes the sum over them, 0 to 2.
 * @see Brier, "Verification of Forecasts Expressed in Terms of Probability", 1950.
 */
export function brier(evaluated: Evaluated): Measured {
  if (!areProbabilities(evaluated.predictions)) return unmeasured(NO_PROBABILITIES)
  const ofEach = meanOverAnswers(evaluated, (p, isTrue) => (p - (isTrue ? 1 : 0)) ** 2)
  const isOverClasses = evaluated.target === 'classes' && evaluated.size > 2
  return isOverClasses && ofEach.value !== null ? measured(ofEach.value * evaluated.size) : ofEach
}

const NO_PROBABILITIES = 'the predictions are no probabilities: some lie outside of 0 to 1'

function areProbabilities(predictions: Float32Array): boolean {
  return predictions.every((p) => p >= 0 && p <= 1)
}

function surprise(p: number): number {
  return -Math.log(Math.min(1 - SMALLEST, Math.max(SMALLEST, p)))
}

function meanOverAnswers(evaluated: Evaluated, score: (p: number, isTrue: boolean) => number): Measured {
  const asked = questions(evaluated)
  let sum = 0
  for (const { scores, truth } of asked) sum = scores.reduce((total, p, row) => total + score(p, truth(row)), sum)
  return measured(sum / (asked.length * evaluated.rows))
}
