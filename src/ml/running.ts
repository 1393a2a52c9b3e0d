import { type EarlyStoppingState, initialEarlyStopping } from './early-stopping.js'
import type { LedgerState } from './ledger/ledger.js'
import { initialPlateau, type PlateauState } from './optimizers/plateau.js'

/** Sums over the steps of one epoch, for its means. */
export interface EpochSums {
  readonly epoch: number
  readonly steps: number
  readonly examples: number
  /** Sums over examples, by name: loss and metrics. */
  readonly sums: Readonly<Record<string, number>>
}

/** Numbers that are counted while training; part of every checkpoint. */
export interface Running {
  readonly clippedSteps: number
  /** The epoch that is going on. */
  readonly epoch: EpochSums
  /** Steps in which a gradient or the loss was NaN or infinite. */
  readonly nonFiniteSteps: number
  /** What rollbacks have made of the learning rate. */
  readonly rateFactor: number
  readonly plateau: PlateauState
  readonly earlyStopping: EarlyStoppingState
  readonly best: EarlyStoppingState
  /** Updates after which the job was stopped early; null: it was not. */
  readonly endedAt: number | null
  /** Null before the first step. */
  readonly ledger: LedgerState | null
}

export const emptyRunning: Running = {
  clippedSteps: 0,
  epoch: { epoch: 0, steps: 0, examples: 0, sums: {} },
  nonFiniteSteps: 0,
  rateFactor: 1,
  plateau: initialPlateau,
  earlyStopping: initialEarlyStopping,
  best: initialEarlyStopping,
  endedAt: null,
  ledger: null,
}

/** Adds a step whose `means` are taken over `examples`; the first step of an epoch begins new sums. */
export function addStep(
  running: Running,
  step: { epoch: number; examples: number; clipped: boolean; means: Readonly<Record<string, number>> },
): Running {
  const { epoch } = running
  const before = epoch.epoch === step.epoch ? epoch : { steps: 0, examples: 0, sums: {} as Record<string, number> }
  const sums: Record<string, number> = {}
  for (const [name, mean] of Object.entries(step.means)) sums[name] = (before.sums[name] ?? 0) + mean * step.examples
  return {
    ...running,
    clippedSteps: running.clippedSteps + (step.clipped ? 1 : 0),
    epoch: { epoch: step.epoch, steps: before.steps + 1, examples: before.examples + step.examples, sums },
  }
}

/** Means over the examples of the epoch so far. */
export function meansOf({ examples, sums }: EpochSums): Record<string, number> {
  return Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, examples > 0 ? sum / examples : 0]))
}
