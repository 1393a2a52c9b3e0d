/** Milliseconds per step over several runs. */
export interface Timing {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** @throws RangeError if there is no value */
export function summarize(values: readonly number[]): Timing {
  if (values.length === 0) throw new RangeError('no value to summarize')
  const sorted = values.toSorted((a, b) => a - b)
  const at = (index: number) => sorted[index] ?? Number.NaN
  const middle = (sorted.length - 1) / 2
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
  }
}
