import { runEagerly } from '../src/ml/engine/eager.js'
import type { Session } from '../src/ml/engine/types.js'
import type { Run } from '../src/ml/run.js'
import { initialState } from '../src/ml/state.js'
import { trainSignature } from '../src/ml/step.js'
import type { BenchModel } from './models.js'
import { callsAt, openBenchRun, runStep, time } from './run.js'
import { BATCH_SIZE, type Runner } from './runner.js'

/** Both runners of Espalier: the step of a training job, compiled as a job compiles it, and the same step run operation by operation. */
export function makeEspalierRunners(): { compiled: Runner; eager: Runner } {
  const runs = new Map<string, Run>()
  const eagerSessions = new Map<string, Session>()

  const runOf = (model: BenchModel): Run => entryOf(runs, model.name, () => openBenchRun(model))
  const eagerSessionOf = (model: BenchModel): Session => {
    const { parts, data } = runOf(model)
    const open = () =>
      runEagerly({ ...data.state, ...initialState(parts) }, { eager: trainSignature(parts, BATCH_SIZE) })
    return entryOf(eagerSessions, model.name, open)
  }

  return {
    compiled: {
      name: 'espalier compiled',
      async measure(model) {
        const run = runOf(model)
        return time(model.steps, (step) => runStep(run, step))
      },
      close: () => closeAll([...runs.values()].map(({ session }) => session)),
    },
    eager: {
      name: 'espalier eager',
      async measure(model) {
        const run = runOf(model)
        const session = eagerSessionOf(model)
        return time(model.eagerSteps, (step) => {
          for (const { feeds } of callsAt(run, step)) session.run('eager', feeds)
        })
      },
      close: () => closeAll([...eagerSessions.values()]),
    },
  }
}

function entryOf<T>(entries: Map<string, T>, name: string, make: () => T): T {
  const entry = entries.get(name) ?? make()
  entries.set(name, entry)
  return entry
}

function closeAll(sessions: readonly Session[]): void {
  for (const session of sessions) session.close()
}
