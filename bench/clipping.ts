import type { ClippingModeName } from '../src/contracts/clipping-modes.js'
import { compile } from '../src/ml/engine/compile.js'
import type { SignatureSpec } from '../src/ml/engine/types.js'
import { makeLedger } from '../src/ml/ledger/ledger.js'
import { measuredEvery } from '../src/ml/ledger/series.js'
import type { Run } from '../src/ml/run.js'
import { initialState } from '../src/ml/state.js'
import { trainSignature } from '../src/ml/step.js'
import { isUneven, quickFigures } from '../src/ml/transforms/figures.js'
import type { BenchModel } from './models.js'
import { callsAt, openBenchRun } from './run.js'
import { BATCH_SIZE } from './runner.js'

/** Every mode, at a threshold that clips gradients of the first steps; what a mode costs does not depend on it. */
export const CLIPPINGS = {
  none: { mode: 'none' },
  value: { mode: 'value', maxValue: 0.001 },
  norm: { mode: 'norm', maxNorm: 0.1 },
  'global-norm': { mode: 'global-norm', maxNorm: 0.1 },
  'block-rms': { mode: 'block-rms', maxRms: 0.0001 },
  adaptive: { mode: 'adaptive' },
  auto: { mode: 'auto' },
  'z-score': { mode: 'z-score' },
  'ada-gc': { mode: 'ada-gc' },
} satisfies { [mode in ClippingModeName]: { mode: mode; [field: string]: unknown } }

/** Steps whose rows lie in memory at once. */
const STEPS_AN_EPOCH = 50

/** The two steps of a job that clips, on states of their own. */
export interface ClippedSteps {
  /** The update alone: nothing of what clipping tells is computed that the update does not need. */
  bare(step: number): void
  /** As a job makes it, with the figures of clipping and the ledger that keeps them. */
  kept(step: number): void
  /** In every how many steps, from step 0, `kept` measures all that the mode does; infinite: it always does. */
  readonly measuredEvery: number
  close(): void
}

/** @param xla As `engine.xla` of a job spec. */
export function openClipped(model: BenchModel, mode: ClippingModeName, xla: 'always' | 'never'): ClippedSteps {
  const run = openJob(model, mode, xla)
  const { parts, data, plan, session } = run
  const update = trainSignature(parts, BATCH_SIZE, { quick: true, xla: run.pins.xla })
  const { clipping, optimizer } = plan.spec
  const bare = compile({ ...data.state, ...initialState(parts) }, { bare: without(quickFigures(clipping), update) })
  const ledger = makeLedger({ model: parts.model, clipping, optimizer, steps: plan.steps })
  return {
    measuredEvery: isUneven(clipping.mode) ? measuredEvery(clipping.mode, plan.steps) : Number.POSITIVE_INFINITY,
    bare(step) {
      for (const { feeds } of callsAt(run, step)) bare.run('bare', feeds)
    },
    kept(step) {
      for (const call of callsAt(run, step)) ledger.add(step, run.execute(call))
      ledger.series(step)
    },
    close() {
      bare.close()
      session.close()
    },
  }
}

/** Whether a job without clipping is compiled by XLA. */
export function choosesXla(model: BenchModel): boolean {
  const { pins, session } = openJob(model, 'none', 'auto')
  session.close()
  return pins.xla
}

function openJob(model: BenchModel, mode: ClippingModeName, xla: 'auto' | 'always' | 'never'): Run {
  const small = { ...model, dataset: { ...model.dataset, trainRows: STEPS_AN_EPOCH * BATCH_SIZE } }
  return openBenchRun(small, { clipping: CLIPPINGS[mode], engine: { xla } })
}

/** TensorFlow leaves out what was computed for these outputs alone. */
function without(names: readonly string[], { step, ...rest }: SignatureSpec): SignatureSpec {
  return {
    ...rest,
    step(input) {
      const { outputs, ...result } = step(input)
      return {
        ...result,
        outputs: Object.fromEntries(Object.entries(outputs).filter(([name]) => !names.includes(name))),
      }
    },
  }
}
