import type { StoredTensors } from '../formats/safetensors.js'
import type { NamedModel } from '../planning/presets.js'
import { compile } from './engine/compile.js'
import { evaluate, evaluationSignatures } from './evaluate.js'
import { buildModel } from './models/model.js'
import { makePause } from './pause.js'
import type { Run } from './run.js'
import type { StepParts } from './state.js'
import { TrainingFailure } from './training-failure.js'

/** Loss and metrics of other weights than those of the run, on the rows held out, else on the test split; null if there are neither. */
export async function evaluateWeights(
  { plan, data }: Pick<Run, 'plan' | 'data'>,
  model: NamedModel,
  weights: StoredTensors,
): Promise<Record<string, number> | null> {
  const rows = data.validationRows.length > 0 ? data.validationRows : data.testRows
  const { pruning: _, optimizer, ...rest } = plan.spec
  const { ema: __, ...plain } = optimizer
  const parts: StepParts = {
    spec: { ...rest, optimizer: plain },
    model: buildModel(model, plan.spec.loss),
    pruned: [],
  }
  if (rows.length === 0) return null
  const session = compile({ ...data.state, ...weights }, evaluationSignatures(parts, [rows]))
  try {
    const notFinite = () =>
      new TrainingFailure('DIVERGED', 'the quantized weights give a loss that is not finite', null)
    const control = { pause: makePause(), signal: new AbortController().signal, notFinite }
    const evaluation = await evaluate({ session, parts, data }, rows, control)
    return evaluation.kind === 'done' ? evaluation.means : null
  } finally {
    session.close()
  }
}
