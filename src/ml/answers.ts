import type { DatasetTarget } from '../contracts/dataset.js'
import { decisionThreshold, LOSS_TARGETS } from '../contracts/loss.js'
import { isSetMetric } from '../contracts/metric-name.js'
import type { Outputs } from './engine/types.js'
import { confusionMatrix } from './metrics/confusion.js'
import { classesOf } from './metrics/evaluated.js'
import { measure } from './metrics/measure.js'
import type { StepParts } from './state.js'
import type { EvaluationOutputs } from './step.js'

/** At [i][j] the number of rows of class i that were taken for class j. */
export type Confusion = readonly (readonly number[])[]

/** What a model answered to the rows of an evaluation. */
export interface Answers {
  /** Those of a batch that begins at place `row` of the evaluation. */
  add(outputs: Outputs, row: number): void
  /** Metrics that need all predictions at once; one without a value, such as the area under a curve of one class, is left out. */
  metrics(): Record<string, number>
  /** Null unless the labels are classes. */
  confusion(): Confusion | null
}

/** What has to be asked of every batch: predictions for metrics of the whole set; decisions where there is one for a row. */
export function askedOf({ spec, model }: Pick<StepParts, 'spec' | 'model'>): EvaluationOutputs {
  return {
    predictions: spec.metrics.some(isSetMetric),
    decided: LOSS_TARGETS[spec.loss].includes('classes') && model.layers.at(-1)?.outputShape.length === 1,
  }
}

export function makeAnswers(
  { spec, model }: Pick<StepParts, 'spec' | 'model'>,
  { kind, values: labels }: { kind: DatasetTarget['kind']; values: Int32Array | Float32Array },
  rows: number,
): Answers {
  const size = model.layers.at(-1)?.outputShape[0] ?? 1
  const names = spec.metrics.filter(isSetMetric)
  const predictions = new Float32Array(names.length > 0 ? rows * size : 0)
  const decided = new Int32Array(kind === 'classes' ? rows : 0)
  return {
    add(outputs, row) {
      if (outputs.predictions) predictions.set(outputs.predictions, row * size)
      if (outputs.decided && kind === 'classes') decided.set(outputs.decided, row)
    },
    metrics() {
      if (kind === 'tokens') return {}
      const threshold = decisionThreshold(spec.loss, 'predictions')
      const own = kind === 'classes' ? { decided } : {}
      const evaluated = { target: kind, predictions, labels, rows, size, threshold, ...own }
      const values = names.map((name) => [name, measure(name, evaluated).value] as const)
      return Object.fromEntries(values.flatMap(([name, value]) => (value === null ? [] : [[name, value]])))
    },
    confusion: () => (kind === 'classes' ? confusionMatrix(labels, decided, classesOf({ size })) : null),
  }
}
