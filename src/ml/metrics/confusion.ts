import { classesOf, decidedClasses, type Evaluated, type Measured, measured, unmeasured } from './evaluated.js'

/** Rows of class i for which class j was decided, at [i][j]; both int32 below `classes`, of equal length. */
export function confusionMatrix(labels: ArrayLike<number>, decided: ArrayLike<number>, classes: number): number[][] {
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
  for (let row = 0; row < labels.length; row++) {
    const counts = matrix[labels[row] ?? 0]
    const column = decided[row] ?? 0
    if (counts) counts[column] = (counts[column] ?? 0) + 1
  }
  return matrix
}

/** The confusion matrix of an evaluation of class labels. */
export function confusionOf(evaluated: Evaluated): number[][] {
  return confusionMatrix(evaluated.labels, decidedClasses(evaluated), classesOf(evaluated))
}

/** Yeses of a class or label: right ones, wrong ones, and those that were missed. */
export interface Decisions {
  readonly right: number
  readonly wrong: number
  readonly missed: number
}

export type Average = 'macro' | 'micro' | 'weighted'

/** Right / decided; 0 where nothing was decided. */
export const precision = ({ right, wrong }: Decisions): number => ratio(right, right + wrong)
/** Right / true; 0 where nothing is true. */
export const recall = ({ right, missed }: Decisions): number => ratio(right, right + missed)
/** Harmonic mean of the two, 2 · right / (2 · right + wrong + missed); 0 where nothing is true or decided. */
export const f1 = ({ right, wrong, missed }: Decisions): number => ratio(2 * right, 2 * right + wrong + missed)

/**
 * `macro`: mean over the classes or labels that occur among labels or decisions; `micro`: of the sums over them; `weighted`: mean weighted by their
 * rows. As in scikit-learn with `zero_division=0`.
 */
export function averaged(score: (decisions: Decisions) => number, average: Average) {
  return (evaluated: Evaluated): Measured => {
    const all = decisionsOf(evaluated)
    if (average === 'micro')
      return measured(
        score({
          right: sumOf(all, ({ right }) => right),
          wrong: sumOf(all, ({ wrong }) => wrong),
          missed: sumOf(all, ({ missed }) => missed),
        }),
      )
    const truths = ({ right, missed }: Decisions) => right + missed
    if (average === 'weighted')
      return measured(
        ratio(
          sumOf(all, (one) => score(one) * truths(one)),
          sumOf(all, truths),
        ),
      )
    const occurring = all.filter((one) => truths(one) + one.wrong > 0)
    return measured(ratio(sumOf(occurring, score), occurring.length))
  }
}

/** Mean recall of the classes that occur among the labels. */
export function balancedAccuracy(evaluated: Evaluated): Measured {
  const occurring = decisionsOf(evaluated).filter(({ right, missed }) => right + missed > 0)
  return measured(ratio(sumOf(occurring, recall), occurring.length))
}

/**
 * Correlation of labels and decisions, −1 to 1: (c · s − Σ tₖ pₖ) / √((s² − Σ pₖ²) (s² − Σ tₖ²)); 0 where one of them never changes.
 * @see Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient", 2004.
 */
export function matthews(evaluated: Evaluated): Measured {
  const { rows, right, products, labelSquares, decidedSquares } = totals(evaluated)
  return measured(
    ratio(right * rows - products, Math.sqrt(rows * rows - decidedSquares) * Math.sqrt(rows * rows - labelSquares)),
  )
}

/**
 * Agreement beyond chance, at most 1: (accuracy − chance) / (1 − chance), chance = Σ tₖ pₖ / s².
 * @see Cohen, "A Coefficient of Agreement for Nominal Scales", 1960.
 */
export function cohenKappa(evaluated: Evaluated): Measured {
  const { rows, right, products } = totals(evaluated)
  if (products === rows * rows) return unmeasured('every label and every decision is the same class')
  return measured((right * rows - products) / (rows * rows - products))
}

/** Decisions about each class or label. */
export function decisionsOf(evaluated: Evaluated): Decisions[] {
  if (evaluated.target === 'classes') {
    const matrix = confusionOf(evaluated)
    return matrix.map((row, index) => {
      const right = row[index] ?? 0
      return { right, wrong: sumOf(matrix, (other) => other[index] ?? 0) - right, missed: sumOf(row, (n) => n) - right }
    })
  }
  const { predictions, labels, size, threshold } = evaluated
  return Array.from({ length: size }, (_, label) => {
    const found = { right: 0, wrong: 0, missed: 0 }
    for (let at = label; at < predictions.length; at += size) {
      const isTrue = (labels[at] ?? 0) > 0.5
      if ((predictions[at] ?? 0) > threshold) found[isTrue ? 'right' : 'wrong'] += 1
      else if (isTrue) found.missed += 1
    }
    return found
  })
}

function totals(evaluated: Evaluated) {
  const all = decisionsOf(evaluated)
  const labelled = ({ right, missed }: Decisions) => right + missed
  const decided = ({ right, wrong }: Decisions) => right + wrong
  return {
    rows: evaluated.rows,
    right: sumOf(all, ({ right }) => right),
    products: sumOf(all, (one) => labelled(one) * decided(one)),
    labelSquares: sumOf(all, (one) => labelled(one) ** 2),
    decidedSquares: sumOf(all, (one) => decided(one) ** 2),
  }
}

function sumOf<T>(list: readonly T[], value: (item: T) => number): number {
  return list.reduce((sum, item) => sum + value(item), 0)
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
