import { parse } from '../../../src/contracts/parse.js'
import { TrainingJobSpec } from '../../../src/contracts/training-job-spec.js'
import type { StoredTensors } from '../../../src/formats/safetensors.js'
import { makeCalibration } from '../../../src/ml/calibration.js'
import { compile } from '../../../src/ml/engine/compile.js'
import { buildModel } from '../../../src/ml/models/model.js'
import type { PlannedSpec } from '../../../src/planning/planned-spec.js'
import { expandModel } from '../../../src/planning/presets.js'
import type { ReferenceTensor } from '../json.js'

const LOSS = 'mean-squared-error' as const

/** Synaptic flow of each kernel of a chain of dense layers [in, out] without bias, by the compiled pass of a job. */
export function flowOf(kernels: readonly ReferenceTensor[]): Float32Array[] {
  const layers = kernels.map(({ shape }, i) => ({ type: 'dense', name: `d${i}`, units: shape[1], useBias: false }))
  const parsed = parse(TrainingJobSpec, {
    datasetId: 'ds_00000000-0000-7000-8000-000000000000',
    model: { kind: 'layers', inputShape: [kernels[0]?.shape[0] ?? 0], layers },
    loss: LOSS,
  })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  const spec: PlannedSpec = { ...parsed.value, loss: LOSS, metrics: [] }
  const parts = { spec, model: buildModel(expandModel(spec.model), LOSS), pruned: [] }
  const names = kernels.map((_, i) => `d${i}/kernel`)
  const state: StoredTensors = Object.fromEntries(
    kernels.map(({ shape, data }, i) => [
      `d${i}/kernel`,
      { type: 'float32', shape, values: Float32Array.from(data) } as const,
    ]),
  )
  const { signatures, calibration } = makeCalibration(parts, [], { gradientsOf: [], inputsOf: [], flowOf: names })
  const session = compile(state, signatures)
  try {
    const flow = calibration.flow(session)
    return names.map((name) => flow[name] ?? new Float32Array())
  } finally {
    session.close()
  }
}
