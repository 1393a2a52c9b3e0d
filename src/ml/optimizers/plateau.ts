import { modeOf } from '../../contracts/early-stopping.js'
import type { PlateauSchedule } from '../../contracts/learning-rate-schedule.js'

/** Plain JSON, part of a checkpoint: a resumed run cuts the learning rate as one that was not interrupted. */
export interface PlateauState {
  /** What the learning rate is multiplied by, in (0, 1]: for `learningRateAt`. */
  readonly factor: number
  /** The value that the next improvement is measured against; null before the first. */
  readonly best: number | null
  /** Evaluations since `best`, without those of the cooldown. */
  readonly waited: number
  /** Evaluations of the cooldown that are left. */
  readonly cooldown: number
}

export const initialPlateau: PlateauState = { factor: 1, best: null, waited: 0, cooldown: 0 }

/**
 * Takes in the monitored value of an evaluation. After `patience` of them without one that is better than `best` by more than `minDelta`, the learning rate
 * is multiplied by `factor`, unless it is at `minLearningRate` already; the `cooldown` evaluations after that are not counted. NaN and null (a metric
 * without a value) are no improvement. `learningRate` is that of the optimizer, before the schedule.
 * @see `keras.callbacks.ReduceLROnPlateau`.
 */
export function nextPlateau(
  schedule: PlateauSchedule,
  learningRate: number,
  state: PlateauState,
  value: number | null,
): PlateauState {
  const sign = modeOf({ monitor: schedule.monitor }) === 'min' ? 1 : -1
  const isBetter =
    value !== null &&
    !Number.isNaN(value) &&
    (state.best === null || sign * value < sign * state.best - schedule.minDelta)
  const cooldown = Math.max(0, state.cooldown - 1)
  if (isBetter) return { factor: state.factor, best: value, waited: 0, cooldown }
  if (cooldown > 0) return { ...state, waited: 0, cooldown }

  const waited = (state.cooldown > 0 ? 0 : state.waited) + 1
  const isLowest = learningRate * state.factor <= schedule.minLearningRate
  if (waited < schedule.patience || isLowest) return { ...state, waited, cooldown }
  return { factor: state.factor * schedule.factor, best: state.best, waited: 0, cooldown: schedule.cooldown }
}
