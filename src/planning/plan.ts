import type { DatasetSchema } from '../contracts/dataset.js'
import type { TrainingJobSpec, TrainingPlan } from '../contracts/training-job.js'
import { EspalierError } from '../errors.js'
import { checkData, checkModel, checkPruning, checkSchedules, type Finding } from './checks.js'
import { checkMemory, estimateMemory } from './memory.js'
import { matchesAny } from './patterns.js'
import { expandModel } from './presets.js'
import { describeLayers, kernelOf, type LayerDescription } from './shapes.js'

const DEFAULT_EPOCHS = 10

/** Rows of the training split that train and that are held out; the held-out share is rounded to whole rows. */
export function splitRows(fraction: number, rows: number): { trainRows: number; validationRows: number } {
  const validationRows = Math.round(fraction * rows)
  return { trainRows: rows - validationRows, validationRows }
}

/** Names of the layers whose kernels the spec prunes. */
export function prunedLayers(spec: TrainingJobSpec, layers: readonly LayerDescription[]): string[] {
  const { pruning } = spec
  if (!pruning) return []
  return layers
    .filter(({ name, weights }) => kernelOf(name) in weights)
    .map(({ name }) => name)
    .filter((name) => matchesAny(pruning.include, name) && !matchesAny(pruning.exclude, name))
}

/**
 * What a spec amounts to on a dataset, without running it; `plan.spec` has every default filled in, and planning it again changes nothing.
 * @throws SPEC_INVALID, or SPEC_OUT_OF_RANGE if only numbers are at fault, with all the errors found.
 */
export function planTrainingJob(spec: TrainingJobSpec, dataset: DatasetSchema): TrainingPlan {
  const { trainRows, validationRows } = splitRows(spec.validation.fraction, dataset.trainRows)
  const stepsPerEpoch = Math.max(1, Math.ceil(trainRows / spec.batchSize))
  const epochs = spec.epochs ?? DEFAULT_EPOCHS
  const steps = spec.steps ?? epochs * stepsPerEpoch
  const filled = fillDefaults(spec, dataset, epochs, steps)

  const model = expandModel(spec.model)
  const { layers, findings } = describeOrFind(model)
  const modelFindings = layers === null ? findings : checkModel(spec, dataset, model, layers)
  const found: Finding[] = [
    ...checkData(spec, dataset, { trainRows, validationRows }),
    ...modelFindings,
    ...(layers === null ? [] : checkPruning(spec, layers)),
    // Of a model that is refused anyhow the size says nothing.
    ...(layers === null || modelFindings.length > 0 ? [] : checkMemory(spec, layers, trainRows)),
    ...checkSchedules(filled, steps),
  ]
  if (layers === null || found.length > 0) throw rejection(found)

  const pruned = new Set(prunedLayers(spec, layers))
  return {
    spec: filled,
    steps,
    stepsPerEpoch,
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

function fillDefaults(spec: TrainingJobSpec, dataset: DatasetSchema, epochs: number, steps: number): TrainingJobSpec {
  const { optimizer } = spec
  const { schedule } = optimizer
  const filled = schedule.kind === 'cosine' ? { ...schedule, endStep: schedule.endStep ?? steps } : schedule
  return {
    ...spec,
    ...(spec.steps === undefined ? { epochs } : {}),
    metrics: spec.metrics ?? [dataset.target.kind === 'classes' ? 'accuracy' : 'mean-absolute-error'],
    optimizer: { ...optimizer, schedule: filled },
  }
}

function describeOrFind(model: Parameters<typeof describeLayers>[0]): {
  layers: LayerDescription[] | null
  findings: Finding[]
} {
  try {
    return { layers: describeLayers(model), findings: [] }
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error
    return { layers: null, findings: error.errors.map((field) => ({ ...field, code: 'SPEC_INVALID' })) }
  }
}

function rejection(found: readonly Finding[]): EspalierError {
  const code = found.every((finding) => finding.code === 'SPEC_OUT_OF_RANGE') ? 'SPEC_OUT_OF_RANGE' : 'SPEC_INVALID'
  const errors = found.map(({ pointer, detail }) => ({ pointer, detail }))
  return new EspalierError(code, errors.map(({ pointer, detail }) => `${pointer}: ${detail}`).join('; '), errors)
}
