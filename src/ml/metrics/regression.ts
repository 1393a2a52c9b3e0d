import { column, type Evaluated, type Measured, measured, unmeasured } from './evaluated.js'

// In float64, one number for each of the `size` targets, and their mean (scikit-learn: `uniform_average`).

/** 1 − Σ (y − p)² / Σ (y − ȳ)². Where y never changes: 1 if every prediction is right, else 0. Needs two rows. */
export function r2(evaluated: Evaluated): Measured {
  return ofVariance(evaluated, (errors) => sumOfSquares(errors, 0))
}

/** 1 − variance(y − p) / variance(y): as `r2`, but an offset of all predictions costs nothing. */
export function explainedVariance(evaluated: Evaluated): Measured {
  return ofVariance(evaluated, (errors) => sumOfSquares(errors, mean(errors)))
}

/** Largest |y − p| of all rows and targets. */
export function maxError(evaluated: Evaluated): Measured {
  return measured(targets(evaluated).reduce((largest, { errors }) => errors.reduce(larger, largest), 0))
}

/** Median of |y − p|; of an even number of rows the mean of the two in the middle. */
export function medianAbsoluteError(evaluated: Evaluated): Measured {
  return measured(mean(targets(evaluated).map(({ errors }) => median(errors.map(Math.abs)))))
}

const larger = (largest: number, error: number): number => Math.max(largest, Math.abs(error))

function ofVariance(evaluated: Evaluated, unexplained: (errors: Float64Array) => number): Measured {
  if (evaluated.rows < 2) return unmeasured('one row has no variance: two are needed')
  return measured(
    mean(
      targets(evaluated).map(({ truth, errors }) => {
        const left = unexplained(errors)
        const total = sumOfSquares(truth, mean(truth))
        if (total === 0) return left === 0 ? 1 : 0
        return 1 - left / total
      }),
    ),
  )
}

function targets({ predictions, labels, size }: Evaluated): { truth: Float64Array; errors: Float64Array }[] {
  return Array.from({ length: size }, (_, index) => {
    const truth = column(labels, size, index)
    const guesses = column(predictions, size, index)
    return { truth, errors: truth.map((value, row) => value - (guesses[row] ?? 0)) }
  })
}

function mean(values: Float64Array | readonly number[]): number {
  let sum = 0
  for (const value of values) sum += value
  return sum / values.length
}

function sumOfSquares(values: Float64Array, centre: number): number {
  return values.reduce((sum, value) => sum + (value - centre) ** 2, 0)
}

function median(values: Float64Array): number {
  const sorted = values.sort()
  const half = sorted.length / 2
  return ((sorted[Math.ceil(half) - 1] ?? 0) + (sorted[Math.floor(half)] ?? 0)) / 2
}
