import { type EarlyStopping, modeOf } from '../contracts/early-stopping.js'

/** Plain JSON, part of a checkpoint: a resumed run decides as one that was not interrupted. */
export interface EarlyStoppingState {
  /** Best value so far and where it was seen (step or epoch, as the caller counts); null before the first. */
  readonly best: number | null
  readonly bestAt: number | null
  /** The value that the next improvement is measured against: the last one that was better by more than `minDelta`. */
  readonly reference: number | null
  /** Evaluations since `reference`. */
  readonly waited: number
}

export const initialEarlyStopping: EarlyStoppingState = { best: null, bestAt: null, reference: null, waited: 0 }

export interface EarlyStoppingStep {
  readonly state: EarlyStoppingState
  /** Why to end now: `target` is reached, or `patience` is used up. */
  readonly stop: 'target' | 'patience' | null
  /** No value before was as good: the weights of now are the best. Ties leave the earlier one. */
  readonly isBest: boolean
}

/**
 * Takes in the value seen at `at`. An improvement is a value better than `reference` by more than `minDelta`; after `patience` values in a row that
 * are none, it says stop. Slow progress adds up: `reference` moves only with an improvement. NaN and null (a metric without a value) are no
 * improvement; infinities are compared as numbers.
 * @see Prechelt, "Early Stopping — But When?", 1998; `keras.callbacks.EarlyStopping`.
 */
export function nextEarlyStopping(
  spec: EarlyStopping,
  state: EarlyStoppingState,
  value: number | null,
  at: number,
): EarlyStoppingStep {
  const sign = modeOf(spec) === 'min' ? 1 : -1
  const isBetter = (than: number | null, by: number) =>
    value !== null && !Number.isNaN(value) && (than === null || sign * value < sign * than - by)

  const isBest = isBetter(state.best, 0)
  const improved = isBetter(state.reference, spec.minDelta)
  const waited = improved ? 0 : state.waited + 1
  const reached = value !== null && spec.target !== undefined && sign * value <= sign * spec.target
  return {
    state: {
      ...(isBest ? { best: value, bestAt: at } : { best: state.best, bestAt: state.bestAt }),
      reference: improved ? value : state.reference,
      waited,
    },
    stop: reached ? 'target' : waited >= spec.patience ? 'patience' : null,
    isBest,
  }
}
