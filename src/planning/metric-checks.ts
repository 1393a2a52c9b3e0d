import type { DatasetSchema } from '../contracts/dataset.js'
import { METRIC_TARGETS, type MetricName, metricFitsLoss, topOf } from '../contracts/metric-name.js'
import { type Finding, invalid, outOfRange } from './finding.js'
import { outputsOf, type PlannedSpec } from './planned-spec.js'

/** Each metric against the target of the dataset and the loss. */
export function checkMetrics(
  { metrics, loss }: Pick<PlannedSpec, 'metrics' | 'loss'>,
  dataset: DatasetSchema,
): Finding[] {
  const { kind } = dataset.target
  return metrics.flatMap((metric, index) => {
    const at = `/metrics/${index}`
    if (!METRIC_TARGETS[metric].includes(kind))
      return [
        invalid(
          at,
          `${metric} does not fit the target of the dataset, which is of kind ${kind}; it fits ${METRIC_TARGETS[metric].join(', ')}`,
        ),
      ]
    if (!metricFitsLoss(metric, loss))
      return [invalid(at, `${metric} needs ${neededBy(metric)}, which a model trained by ${loss} does not give`)]
    const outputs = outputsOf(dataset)
    const top = topOf(metric)
    return top !== null && top >= outputs
      ? [outOfRange(at, `of ${outputs} ${kind} it is always 1: take one of fewer than ${outputs}, or accuracy`)]
      : []
  })
}

function neededBy(metric: MetricName): string {
  return metric === 'perplexity' ? 'probabilities that sum to 1 over the classes' : 'probabilities'
}
