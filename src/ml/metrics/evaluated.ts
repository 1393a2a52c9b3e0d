/** All that an evaluation gave, on the host. */
export interface Evaluated {
  /** What the labels are: one int32 class a row, 0 or 1 for each of `size` labels, or `size` numbers. */
  readonly target: 'classes' | 'labels' | 'number'
  /** `predictions` of the loss, row-major [rows, size]. `size` 1 for classes: the score of the second of two. */
  readonly predictions: Float32Array
  /** [rows] for classes, else [rows, size]. */
  readonly labels: Int32Array | Float32Array
  readonly rows: number
  readonly size: number
  /** Of classes, [rows]: what the outputs stand for, of which probabilities may have been rounded to equal ones. */
  readonly decided?: Int32Array
  /** A prediction above it says that its label holds: `decisionThreshold` of the loss. */
  readonly threshold: number
}

/** A finite number, or why there is none. */
export type Measured =
  | { readonly value: number; readonly reason: null }
  | { readonly value: null; readonly reason: string }

export const measured = (value: number): Measured => ({ value, reason: null })
export const unmeasured = (reason: string): Measured => ({ value: null, reason })

/** Classes that labels can name: a single score decides between two. */
export function classesOf({ size }: Pick<Evaluated, 'size'>): number {
  return size === 1 ? 2 : size
}

/** Column `index` of a row-major [rows, size]. */
export function column(values: Float32Array | Int32Array, size: number, index: number): Float64Array {
  const picked = new Float64Array(Math.floor(values.length / size))
  for (let row = 0; row < picked.length; row++) picked[row] = values[row * size + index] ?? 0
  return picked
}

/**
 * One yes-or-no question for each class or label, with a score that is the higher the more it is a yes; of two classes only whether it is the
 * second.
 */
export function questions({ target, predictions, labels, size }: Evaluated): {
  index: number
  scores: Float64Array
  truth: (row: number) => boolean
}[] {
  if (target === 'classes' && size <= 2)
    return [{ index: 1, scores: column(predictions, size, size - 1), truth: (row) => labels[row] === 1 }]
  return Array.from({ length: size }, (_, index) => ({
    index,
    scores: column(predictions, size, index),
    truth: target === 'classes' ? (row) => labels[row] === index : (row) => (labels[row * size + index] ?? 0) > 0.5,
  }))
}

/** The class of each row, int32 [rows]: as the model decided, else the one with the largest prediction, the first of equal ones. */
export function decidedClasses({ decided, predictions, rows, size, threshold }: Evaluated): Int32Array {
  if (decided) return decided
  if (size === 1) return Int32Array.from(predictions, (score) => (score > threshold ? 1 : 0))
  return Int32Array.from({ length: rows }, (_, row) => {
    let best = 0
    for (let index = 1; index < size; index++)
      if ((predictions[row * size + index] ?? 0) > (predictions[row * size + best] ?? 0)) best = index
    return best
  })
}
