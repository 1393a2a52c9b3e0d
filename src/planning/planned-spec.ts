import type { DatasetSchema } from '../contracts/dataset.js'
import type { LossName, TargetKind } from '../contracts/loss.js'
import type { MetricName } from '../contracts/metric-name.js'
import type { PruningSpec } from '../contracts/pruning.js'
import { CRITERIA } from '../contracts/pruning-criterion.js'
import { removesUnits } from '../contracts/pruning-granularity.js'
import type { TrainingJobSpec } from '../contracts/training-job-spec.js'
import type { DataShape } from './presets/preset.js'
import { filledScan } from './scan.js'
import { withEndStep } from './schedule-checks.js'

const DEFAULT_LOSS: Readonly<Record<TargetKind, LossName>> = {
  classes: 'sparse-categorical-crossentropy',
  tokens: 'sparse-categorical-crossentropy',
  labels: 'binary-crossentropy',
  number: 'mean-squared-error',
}
const DEFAULT_METRICS: Readonly<Record<TargetKind, readonly MetricName[]>> = {
  classes: ['accuracy'],
  tokens: ['accuracy', 'perplexity'],
  labels: ['accuracy'],
  number: ['mean-absolute-error'],
}

/** A spec with every default filled in, those too that depend on the dataset. */
export interface PlannedSpec extends TrainingJobSpec {
  loss: LossName
  metrics: MetricName[]
}
/** Numbers that a model of these data has to give: for each class, label, number, or entry of the vocabulary. */
export function outputsOf({ target }: DatasetSchema): number {
  switch (target.kind) {
    case 'classes':
    case 'labels':
      return target.names.length
    case 'number':
      return target.size
    case 'tokens':
      return target.vocabulary.length
  }
}

/** What presets need to know of a dataset. */
export function dataShape(schema: DatasetSchema): DataShape {
  const { exampleShape, vocabularySize } = schema
  return { exampleShape, outputs: outputsOf(schema), ...(vocabularySize ? { vocabulary: vocabularySize } : {}) }
}

export function fillDefaults(
  spec: TrainingJobSpec,
  { target }: DatasetSchema,
  epochs: number,
  steps: number,
): PlannedSpec {
  const { optimizer } = spec
  return {
    ...spec,
    ...(spec.steps === undefined && spec.kind !== 'sensitivity-scan' ? { epochs } : {}),
    ...(spec.kind === 'sensitivity-scan' ? { scan: filledScan(spec.scan) } : {}),
    loss: spec.loss ?? DEFAULT_LOSS[target.kind],
    metrics: spec.metrics ?? [...DEFAULT_METRICS[target.kind]],
    ...(spec.pruning ? { pruning: withDefaults(spec.pruning) } : {}),
    optimizer: { ...optimizer, schedule: withEndStep(optimizer.schedule, steps) },
  }
}

/** What depends on the criterion, scope and granularity. */
function withDefaults(pruning: PruningSpec): PruningSpec {
  const { criterion, scope, normalization = CRITERIA[criterion].comparable ? 'none' : 'mean' } = pruning
  return {
    ...pruning,
    ...(scope === 'global' ? { normalization } : {}),
    compact: pruning.compact ?? removesUnits(pruning.granularity),
  }
}
