import type { StoredTensors } from '../formats/safetensors.js'
import { nextEarlyStopping } from './early-stopping.js'
import type { Journal } from './journal.js'
import { emaOf } from './optimizers/ema.js'
import { nextPlateau } from './optimizers/plateau.js'
import { finalValues } from './result.js'
import type { Run } from './run.js'
import { emptyRunning, type Running } from './running.js'
import type { TrainReport } from './training.js'

/** Looks at the figures of an evaluation: keeps the best weights, lowers the learning rate, ends the job. */
export interface Watch {
  /** Weights were removed: what the schedule of the learning rate has seen was another model. */
  pruned(): void
  /** After the evaluation at `done` updates; `means` over the rows held out, null if there are none. @returns true if the job is to end */
  evaluated(done: number, means: Readonly<Record<string, number>> | null): boolean
  best(): StoredTensors | null
  /** Puts the best weights in place of those of now. @returns false if none are kept */
  restoreBest(): boolean
}

export function makeWatch(run: Run, journal: () => Journal, report: Pick<TrainReport, 'event'>): Watch {
  const { spec } = run.plan
  const { earlyStopping, checkpoints, optimizer } = spec
  let best = run.best

  /** Up to the last mask update the weights are denser than what was asked for: no evaluation of them is compared with later ones. */
  const isPruned = (done: number) => done > (run.pruner?.lastUpdateStep ?? -1)

  /** A metric without a value is no improvement. */
  const monitored = (monitor: string, means: Readonly<Record<string, number>> | null): number | null =>
    monitor === 'loss'
      ? meanLoss(journal().running().unevaluated)
      : (means?.[monitor.slice('validation.'.length)] ?? null)

  function keepBest(done: number, means: Readonly<Record<string, number>> | null): void {
    if (!checkpoints.best || !isPruned(done)) return
    const watched = { ...checkpoints.best, patience: 1, minDelta: 0 }
    const next = nextEarlyStopping(watched, journal().running().best, monitored(watched.monitor, means), done)
    journal().note({ best: next.state })
    if (next.isBest) best = finalValues(run)
  }

  function reduceRate(done: number, means: Readonly<Record<string, number>> | null): void {
    if (optimizer.schedule.kind !== 'plateau' || done >= run.plan.steps) return
    const { plateau } = journal().running()
    const value = monitored(optimizer.schedule.monitor, means)
    const next = nextPlateau(optimizer.schedule, optimizer.learningRate, plateau, value)
    if (next.factor !== plateau.factor) report.event('learning-rate.reduced', { step: done, factor: next.factor })
    journal().note({ plateau: next })
  }

  function isOver(done: number, means: Readonly<Record<string, number>> | null): boolean {
    if (!earlyStopping || !isPruned(done)) return false
    const value = monitored(earlyStopping.monitor, means)
    const { state, stop } = nextEarlyStopping(earlyStopping, journal().running().earlyStopping, value, done)
    const ends = stop !== null && done < run.plan.steps
    journal().note({ earlyStopping: state, ...(ends ? { endedAt: done } : {}) })
    if (ends)
      report.event('training.stopped-early', {
        ...{ step: done, reason: stop, monitor: earlyStopping.monitor },
        ...{ best: state.best, bestStep: state.bestAt },
      })
    return ends
  }

  return {
    pruned() {
      const { plateau } = journal().running()
      journal().note({ plateau: { ...plateau, best: null, waited: 0 } })
    },
    evaluated(done, means) {
      keepBest(done, means)
      reduceRate(done, means)
      const ends = isOver(done, means)
      journal().note({ unevaluated: emptyRunning.unevaluated })
      return ends
    },
    best: () => best,
    restoreBest() {
      if (!best) return false
      const entries = Object.entries(best)
      const averages = entries.filter(([name]) => optimizer.ema && name in run.parts.model.parameters)
      run.session.set({ ...best, ...Object.fromEntries(averages.map(([name, value]) => [emaOf(name), value])) })
      return true
    },
  }
}

/** Null if no step since the last evaluation counted. */
function meanLoss({ examples, loss }: Running['unevaluated']): number | null {
  return examples === 0 ? null : loss / examples
}
