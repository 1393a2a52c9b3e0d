import type { DatasetSchema } from '../contracts/dataset.js'
import type { PruningSpec } from '../contracts/pruning.js'
import { removesUnits } from '../contracts/pruning-granularity.js'
import type { TrainingPlan } from '../contracts/training-job.js'
import type { TrainingJobSpec } from '../contracts/training-job-spec.js'
import { EspalierError } from '../errors.js'
import { checkClipping, checkData, checkModel, type Finding } from './checks.js'
import { checkEvaluation } from './evaluation-checks.js'
import { checkExports } from './export-checks.js'
import { checkMemory, estimateMemory } from './memory.js'
import { dataShape, fillDefaults, type PlannedSpec } from './planned-spec.js'
import { type ExpandedModel, expandModel } from './presets.js'
import { selectedWeights } from './prunable.js'
import { selectedGroups } from './prunable-groups.js'
import { checkPruning } from './pruning-checks.js'
import { measurementsOf, scannedLayers } from './scan.js'
import { checkKind, checkScan } from './scan-checks.js'
import { checkLearningRate } from './schedule-checks.js'
import { describeLayers, type LayerDescription } from './shapes.js'
import { checkStart, type StartingPoint, withNormalizationOf } from './starting-point.js'
import { unitGroups } from './units/groups.js'
import { analyzeUnits } from './units/units.js'

const DEFAULT_EPOCHS = 10

interface Plan extends TrainingPlan {
  readonly spec: PlannedSpec
}

/** Rows of one update, the last of an epoch excepted. */
export function rowsPerStep({ batchSize, optimizer }: Pick<TrainingJobSpec, 'batchSize' | 'optimizer'>): number {
  return batchSize * optimizer.accumulateSteps
}

/** Rows that train and that are held out, of a training split of `rows`: by fraction, or the one fold of several. */
function heldOut({ validation }: TrainingJobSpec, rows: number): { trainRows: number; validationRows: number } {
  const { folds, fold = 0, fraction } = validation
  if (folds === undefined) return splitRows(fraction, rows)
  const validationRows = Math.floor(rows / folds) + (fold < rows % folds ? 1 : 0)
  return { trainRows: rows - validationRows, validationRows }
}

/** Rows of the training split that train and that are held out; the held-out share is rounded to whole rows. */
export function splitRows(fraction: number, rows: number): { trainRows: number; validationRows: number } {
  const validationRows = Math.round(fraction * rows)
  return { trainRows: rows - validationRows, validationRows }
}

/**
 * What a spec amounts to on a dataset, without running it; `plan.spec` has every default filled in, and planning it again changes nothing.
 * `start`: the finished model that the spec starts from.
 * @throws SPEC_INVALID, or SPEC_OUT_OF_RANGE if only numbers are at fault, with all the errors found.
 */
export function planTrainingJob(
  spec: TrainingJobSpec,
  dataset: DatasetSchema,
  start: StartingPoint | null = null,
): Plan {
  const { trainRows, validationRows } = heldOut(spec, dataset.trainRows)
  const stepsPerEpoch = Math.max(1, Math.ceil(trainRows / rowsPerStep(spec)))
  const epochs = spec.epochs ?? DEFAULT_EPOCHS
  const steps = spec.steps ?? epochs * stepsPerEpoch
  const filled = fillDefaults(withNormalizationOf(spec, start), dataset, epochs, steps)

  const { model, layers, findings } = describeOrFind(filled, dataset, start)
  const modelFindings = model === null ? findings : checkModel(filled, dataset, model, layers)
  const found: Finding[] = [
    ...checkKind(spec),
    ...checkStart(filled, start, dataset.exampleShape),
    ...checkData(spec, filled, dataset, { trainRows, validationRows }),
    ...checkEvaluation(filled, dataset),
    ...modelFindings,
    ...(model === null
      ? []
      : [
          ...checkPruning(filled.pruning, model, layers, steps),
          ...(filled.scan ? checkScan(filled.scan, filled, { model, layers }) : []),
          ...checkExports(filled, model),
          ...checkClipping(filled, layers, steps),
        ]),
    // Of a model that is refused anyhow the size says nothing.
    ...(model === null || modelFindings.length > 0 ? [] : checkMemory(spec, layers, trainRows)),
    ...checkLearningRate(filled, steps),
  ]
  if (model === null || found.length > 0) throw rejection(found)

  const scanned = filled.scan ? measurementsOf(filled.scan, scannedLayers(filled.scan, model, layers).length) : null
  const pruned = new Set(prunedLayers(filled.pruning ?? filled.scan, model, layers))
  return {
    spec: filled,
    steps: scanned ?? steps,
    stepsPerEpoch: scanned ?? stepsPerEpoch,
    trainRows,
    validationRows,
    testRows: dataset.testRows,
    parameters: layers.reduce((sum, layer) => sum + layer.parameters, 0),
    memoryBytes: estimateMemory(spec, layers, trainRows).total,
    layers: layers.map(({ name, type, outputShape, parameters }) => ({
      name,
      type,
      outputShape: [...outputShape],
      parameters,
      prunable: pruned.has(name),
    })),
  }
}

/** Names of the layers that lose weights or units. */
function prunedLayers(
  pruning: Pick<PruningSpec, 'granularity' | 'include' | 'exclude'> | undefined,
  model: ExpandedModel,
  layers: readonly LayerDescription[],
): readonly string[] {
  if (!pruning) return []
  if (!removesUnits(pruning.granularity)) return selectedWeights(pruning, layers).map(({ layer }) => layer)
  return selectedGroups(pruning, layers, unitGroups(analyzeUnits(model))).flatMap((group) => group.layers)
}

function describeOrFind(
  spec: PlannedSpec,
  dataset: DatasetSchema,
  start: StartingPoint | null,
): { model: ExpandedModel | null; layers: LayerDescription[]; findings: Finding[] } {
  try {
    const model = expandModel(spec.model, dataShape(dataset), start)
    return { model, layers: describeLayers(model), findings: [] }
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error
    const code = error.code === 'SPEC_OUT_OF_RANGE' ? error.code : 'SPEC_INVALID'
    return {
      model: null,
      layers: [],
      findings: error.errors.map((field) => ({ ...field, code })),
    }
  }
}

function rejection(found: readonly Finding[]): EspalierError {
  const code = found.every((finding) => finding.code === 'SPEC_OUT_OF_RANGE') ? 'SPEC_OUT_OF_RANGE' : 'SPEC_INVALID'
  const errors = found.map(({ pointer, detail }) => ({ pointer, detail }))
  return new EspalierError(code, errors.map(({ pointer, detail }) => `${pointer}: ${detail}`).join('; '), errors)
}
