/** Milliseconds per step, or ratios of them, over the rounds. */
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

/**
 * a ÷ b round by round: a minute in which the machine is slow falls on both, and so out of the ratio.
 * @throws RangeError if the rounds are not equally many
 */
export function ratios(a: readonly number[], b: readonly number[]): number[] {
  if (a.length !== b.length) throw new RangeError(`${a.length} rounds cannot be compared with ${b.length}`)
  return a.map((value, round) => value / (b[round] ?? Number.NaN))
}
