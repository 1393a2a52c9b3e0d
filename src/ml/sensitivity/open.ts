import type { EnginePins } from '../../contracts/engine-pins.js'
import type { SensitivityReport } from '../../contracts/sensitivity-report.js'
import type { SensitivityScan } from '../../contracts/sensitivity-scan.js'
import type { TrainingPlan } from '../../contracts/training-job.js'
import type { StoredTensors } from '../../formats/safetensors.js'
import { planTrainingJob } from '../../planning/plan.js'
import { dataShape } from '../../planning/planned-spec.js'
import { expandModel } from '../../planning/presets.js'
import { filledScan, scanPruning } from '../../planning/scan.js'
import { calibrationBatches, makeCalibration } from '../calibration.js'
import { type PreparedData, prepareData } from '../data.js'
import { compile } from '../engine/compile.js'
import { engineInfo } from '../engine/info.js'
import type { Session } from '../engine/types.js'
import { evaluationSignatures } from '../evaluate.js'
import { type ExportedWeights, exportWeights } from '../export.js'
import { buildModel } from '../models/model.js'
import { collect, needsOf } from '../pruner.js'
import { targetsOf } from '../pruning/targets.js'
import { startingWeights } from '../starting-weights.js'
import type { StepParts } from '../state.js'
import type { TrainOptions } from '../training.js'
import { type ScannedLayer, scoreLayers } from './layers.js'

/** A scan that is set up: compiled, data and weights resident, layers scored. */
export interface OpenScan {
  readonly plan: TrainingPlan
  readonly scan: SensitivityScan
  readonly parts: StepParts
  readonly data: PreparedData
  readonly session: Session
  readonly layers: readonly ScannedLayer[]
  /** Of the dense network, moving statistics too. */
  readonly weights: StoredTensors
  readonly exported: ExportedWeights
  readonly evaluatedOn: SensitivityReport['evaluatedOn']
  readonly rows: Int32Array
  readonly pins: EnginePins
}

/**
 * @throws SPEC_INVALID, SPEC_OUT_OF_RANGE, DATASET_INVALID, MODEL_INVALID, ENGINE_MISSING, ENGINE_FAILED
 */
export function openScan({ spec: requested, schema, data: tensors, start = null }: TrainOptions): OpenScan {
  const plan = planTrainingJob(requested, schema, start)
  const scan = filledScan(plan.spec.scan)
  const pruning = scanPruning(scan, 0)
  const network = expandModel(plan.spec.model, dataShape(schema), start)
  const parts: StepParts = {
    spec: { ...plan.spec, pruning },
    model: buildModel(network, plan.spec.loss),
    pruned: [],
  }
  const data = prepareData(tensors, schema, plan.spec, start)
  const { evaluatedOn, rows } = rowsOf(data)
  const targets = targetsOf(pruning, network)
  const batches = calibrationBatches(parts, data.trainRows)
  const { signatures, calibration } = makeCalibration(parts, batches, needsOf(pruning, targets))
  const weights = startingWeights(parts.model, start?.weights ?? {})
  const session = compile({ ...data.state, ...weights }, { ...evaluationSignatures(parts, [rows]), ...signatures })
  try {
    const collected = collect(pruning, parts, { session, calibration, state: weights, step: 0 })
    const layers = scoreLayers(pruning, targets, collected, { seed: plan.spec.seed, step: 0 })
    const pins = { ...engineInfo(), xla: false, seed: plan.spec.seed }
    const exported = exportWeights(weights)
    return { ...{ plan, scan, parts, data, session, layers, weights, exported }, ...{ evaluatedOn, rows, pins } }
  } catch (error) {
    session.close()
    throw error
  }
}

/** The rows held out, else the test split, else the rows to train on. */
function rowsOf({ validationRows, testRows, trainRows }: PreparedData): Pick<OpenScan, 'evaluatedOn' | 'rows'> {
  if (validationRows.length > 0) return { evaluatedOn: 'validation', rows: validationRows }
  return testRows.length > 0 ? { evaluatedOn: 'test', rows: testRows } : { evaluatedOn: 'train', rows: trainRows }
}
