import { type Evaluated, type Measured, measured, questions, unmeasured } from './evaluated.js'

/**
 * Probability that a row of the class scores above one that is not, ties counting one half: the area under the ROC curve, exactly (Mann-Whitney).
 * Two classes: of the second; more classes or labels: mean over them, one against the rest. Null if one of them has no row, or all.
 * @see Hanley, McNeil, "The Meaning and Use of the Area under a ROC Curve", 1982.
 */
export function auc(evaluated: Evaluated): Measured {
  return meanOverQuestions(evaluated, areaUnderCurve, true)
}

/**
 * Σ (recallₙ − recallₙ₋₁) · precisionₙ over the distinct scores, from the highest down: the area under the precision-recall curve without
 * interpolation. Averaged as `auc`. Null if a class or label has no row.
 */
export function averagePrecision(evaluated: Evaluated): Measured {
  return meanOverQuestions(evaluated, precisionOverRecall, false)
}

/** Rows with an equal score: how many are a yes, how many a no. */
interface Tie {
  readonly yes: number
  readonly no: number
}

function areaUnderCurve(ascending: readonly Tie[], { yes, no }: Tie): number {
  let below = 0
  let wins = 0
  for (const tie of ascending) {
    wins += tie.yes * (below + tie.no / 2)
    below += tie.no
  }
  return wins / (yes * no)
}

function precisionOverRecall(ascending: readonly Tie[], { yes }: Tie): number {
  let found = 0
  let taken = 0
  let sum = 0
  for (const tie of ascending.toReversed()) {
    found += tie.yes
    taken += tie.yes + tie.no
    sum += (tie.yes / yes) * (found / taken)
  }
  return sum
}

function meanOverQuestions(
  evaluated: Evaluated,
  area: (ascending: readonly Tie[], total: Tie) => number,
  needsNo: boolean,
): Measured {
  const asked = questions(evaluated)
  const word = evaluated.target === 'classes' ? 'class' : 'label'
  let sum = 0
  for (const { index, scores, truth } of asked) {
    const ascending = tiesOf(scores, truth)
    const yes = ascending.reduce((count, tie) => count + tie.yes, 0)
    const no = evaluated.rows - yes
    if (yes === 0) return unmeasured(`no row has ${word} ${index}`)
    if (no === 0 && needsNo) return unmeasured(`every row has ${word} ${index}`)
    sum += area(ascending, { yes, no })
  }
  return measured(sum / asked.length)
}

/** By ascending score. Typed arrays sort numbers without a callback, which for many rows is most of the time. */
function tiesOf(scores: Float64Array, truth: (row: number) => boolean): Tie[] {
  const yes = scores.filter((_, row) => truth(row)).sort()
  const no = scores.filter((_, row) => !truth(row)).sort()
  const ties: Tie[] = []
  for (let y = 0, n = 0; y < yes.length || n < no.length; ) {
    const score = Math.min(yes[y] ?? Number.POSITIVE_INFINITY, no[n] ?? Number.POSITIVE_INFINITY)
    const [fromYes, fromNo] = [y, n]
    while (y < yes.length && !((yes[y] ?? 0) > score)) y++
    while (n < no.length && !((no[n] ?? 0) > score)) n++
    ties.push({ yes: y - fromYes, no: n - fromNo })
  }
  return ties
}
