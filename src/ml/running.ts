import type { PruningReport } from '../contracts/pruning-report.js'
import { type EarlyStoppingState, initialEarlyStopping } from './early-stopping.js'
import type { LedgerState } from './ledger/ledger.js'
import { initialPlateau, type PlateauState } from './optimizers/plateau.js'

/** Sums over the steps of one epoch, for its means. */
export interface EpochSums {
  readonly epoch: number
  readonly steps: number
  readonly examples: number
  /** Sums over examples, by name: loss and metrics. Null: a metric had no value in a step; JSON knows no infinity. */
  readonly sums: Readonly<Record<string, number | null>>
}

/** Numbers that are counted while training; part of every checkpoint. */
export interface Running {
  readonly clippedSteps: number
  /** The epoch of the last step that counted. */
  readonly epoch: EpochSums
  /** Sum of the loss over the examples since the last evaluation, and how many these are. */
  readonly unevaluated: { readonly examples: number; readonly loss: number }
  /** Steps in which a gradient or the loss was NaN or infinite. */
  readonly nonFiniteSteps: number
  /** What rollbacks have made of the learning rate. */
  readonly rateFactor: number
  readonly plateau: PlateauState
  readonly earlyStopping: EarlyStoppingState
  readonly best: EarlyStoppingState
  /** Updates after which the job was stopped early; null: it was not. */
  readonly endedAt: number | null
  /** Mask updates that were evaluated. */
  readonly rounds: PruningReport['rounds']
  /** Files of what would have been delivered just before the first mask update; null until then. */
  readonly unpruned: PruningReport['bytes']['dense'] | null
  /** As of the last mask update. */
  readonly pieces: PruningReport['pieces']
  /** Null before the first step. */
  readonly ledger: LedgerState | null
}

export const emptyRunning: Running = {
  clippedSteps: 0,
  epoch: { epoch: 0, steps: 0, examples: 0, sums: {} },
  unevaluated: { examples: 0, loss: 0 },
  nonFiniteSteps: 0,
  rateFactor: 1,
  plateau: initialPlateau,
  earlyStopping: initialEarlyStopping,
  best: initialEarlyStopping,
  endedAt: null,
  rounds: [],
  unpruned: null,
  pieces: null,
  ledger: null,
}

/** Adds a step whose `means` are taken over `examples`; the first step of an epoch begins new sums. */
export function addStep(
  running: Running,
  step: { epoch: number; examples: number; clipped: boolean; means: Readonly<Record<string, number>> },
): Running {
  const { epoch, unevaluated } = running
  const before = epoch.epoch === step.epoch ? epoch : { steps: 0, examples: 0, sums: {} as EpochSums['sums'] }
  const sums: Record<string, number | null> = {}
  for (const [name, mean] of Object.entries(step.means)) {
    const { [name]: sum = 0 } = before.sums
    sums[name] = sum === null || !Number.isFinite(mean) ? null : sum + mean * step.examples
  }
  return {
    ...running,
    clippedSteps: running.clippedSteps + (step.clipped ? 1 : 0),
    epoch: { epoch: step.epoch, steps: before.steps + 1, examples: before.examples + step.examples, sums },
    unevaluated: {
      examples: unevaluated.examples + step.examples,
      loss: unevaluated.loss + (step.means.loss ?? 0) * step.examples,
    },
  }
}

/** Means over the examples of an epoch so far, without those that have no value. */
export function meansOf({ examples, sums }: EpochSums): Record<string, number> {
  return Object.fromEntries(
    Object.entries(sums).flatMap(([name, sum]) => (sum === null || examples === 0 ? [] : [[name, sum / examples]])),
  )
}
