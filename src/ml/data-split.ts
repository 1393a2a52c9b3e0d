import { splitRows } from '../planning/plan.js'
import { makeRandom } from '../random.js'
import { TrainingFailure } from './training-failure.js'

/** Row numbers from 0, ascending; together every row once. */
export interface DataSplit {
  readonly trainRows: Int32Array
  readonly validationRows: Int32Array
}

/** Holds out round(fraction · rows) rows drawn by the seed; `fraction` in [0, 0.9]. */
export function randomSplit(rows: number, fraction: number, seed: number): DataSplit {
  const { validationRows: held } = splitRows(fraction, rows)
  const order = held > 0 ? makeRandom(seed, 'split').permutation(rows) : Int32Array.from({ length: rows }, (_, i) => i)
  // Sorted, so that the order of the data and not of the draw is what an epoch's permutation starts from.
  return { validationRows: order.slice(0, held).sort(), trainRows: order.slice(held).sort() }
}

/**
 * Holds out as many rows as `randomSplit`, of each class in proportion: class c gives fraction · rows of c, rounded by the largest remainder so that the
 * sum is exact, and keeps at least one row to train on. `labels` are int32 classes, one a row.
 * @throws DATASET_INVALID when all labels are equal or a class has a single row; SPEC_OUT_OF_RANGE when `fraction` leaves fewer rows to train
 * on than there are classes.
 */
export function stratifiedSplit(labels: Int32Array, fraction: number, seed: number): DataSplit {
  const counts = checkedCounts(labels)
  const { validationRows: held, trainRows } = splitRows(fraction, labels.length)
  if (held === 0) return randomSplit(labels.length, 0, seed)
  if (trainRows < counts.size)
    throw new TrainingFailure(
      'SPEC_OUT_OF_RANGE',
      `/validation/fraction: ${fraction} of ${labels.length} rows leaves ${trainRows} to train on, fewer than the ${counts.size} classes; lower it`,
      null,
    )
  const open = quotas(counts, held)
  const validation: number[] = []
  const train: number[] = []
  for (const row of makeRandom(seed, 'split').permutation(labels.length)) {
    const label = labels[row] ?? 0
    const left = open.get(label) ?? 0
    if (left > 0) open.set(label, left - 1)
    ;(left > 0 ? validation : train).push(row)
  }
  return { validationRows: Int32Array.from(validation).sort(), trainRows: Int32Array.from(train).sort() }
}

/** A fold of a cross-validation: `fold` of `folds`, from 0. */
export interface Fold {
  readonly fold: number
  readonly folds: number
  readonly seed: number
}

/**
 * Fold `fold` is held out. The folds of one seed are a partition of the rows whose sizes differ by at most one; with `labels` (int32 classes,
 * one a row) those of each class do so too.
 * @throws SPEC_OUT_OF_RANGE unless 2 ≤ folds ≤ rows and 0 ≤ fold < folds; DATASET_INVALID when all labels are equal, or a class has
 * fewer rows than there are folds.
 */
export function kFold(data: { rows: number } | { labels: Int32Array }, { fold, folds, seed }: Fold): DataSplit {
  const labels = 'labels' in data ? data.labels : null
  const rows = 'labels' in data ? data.labels.length : data.rows
  checkFolds(rows, fold, folds)
  if (labels) checkedCounts(labels, folds)
  const order = makeRandom(seed, 'folds').permutation(rows)
  // Dealt out like cards, class after class: neighbours in the deck go to different folds. The sort is stable.
  const deck = labels ? order.sort((a, b) => (labels[a] ?? 0) - (labels[b] ?? 0)) : order
  const isHeld = (_: number, place: number) => place % folds === fold
  return {
    validationRows: deck.filter(isHeld).sort(),
    trainRows: deck.filter((row, place) => !isHeld(row, place)).sort(),
  }
}

/** Rows of each class, ascending by class. */
function checkedCounts(labels: Int32Array, atLeast = 2): Map<number, number> {
  const unordered = new Map<number, number>()
  for (const label of labels) unordered.set(label, (unordered.get(label) ?? 0) + 1)
  const counts = new Map([...unordered].sort(([a], [b]) => a - b))
  if (counts.size < 2)
    throw new TrainingFailure(
      'DATASET_INVALID',
      `all ${labels.length} labels are equal: there are no classes to stratify by; turn stratification off or add rows of another class`,
      null,
    )
  for (const [label, count] of counts)
    if (count < atLeast)
      throw new TrainingFailure(
        'DATASET_INVALID',
        `class ${label} has ${count} row(s); stratification needs at least ${atLeast} of each class: add rows, remove the class, or turn stratification off`,
        null,
      )
  return counts
}

function checkFolds(rows: number, fold: number, folds: number): void {
  if (!Number.isInteger(folds) || folds < 2 || folds > rows)
    throw new TrainingFailure('SPEC_OUT_OF_RANGE', `${folds} folds of ${rows} rows: give 2 to ${rows}`, null)
  if (!Number.isInteger(fold) || fold < 0 || fold >= folds)
    throw new TrainingFailure('SPEC_OUT_OF_RANGE', `fold ${fold}: give 0 to ${folds - 1}`, null)
}

/** Shares of `held` by the largest remainder, the lower class first of equal ones; each stays below the rows of its class. */
function quotas(counts: ReadonlyMap<number, number>, held: number): Map<number, number> {
  const rows = [...counts.values()].reduce((sum, count) => sum + count, 0)
  const parts = [...counts].map(([label, count]) => ({
    label,
    limit: count - 1,
    // In whole numbers: a quotient in floating point would break ties at random.
    quota: Math.min(Math.floor((held * count) / rows), count - 1),
    remainder: (held * count) % rows,
  }))
  const byRemainder = [...parts].sort((a, b) => b.remainder - a.remainder || a.label - b.label)
  let left = held - parts.reduce((sum, { quota }) => sum + quota, 0)
  // More than one round only where the limit of a class was met.
  while (left > 0)
    for (const part of byRemainder)
      if (left > 0 && part.quota < part.limit) {
        part.quota += 1
        left -= 1
      }
  return new Map(parts.map(({ label, quota }) => [label, quota]))
}
