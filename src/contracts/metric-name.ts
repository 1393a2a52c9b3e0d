import { type LossName, type TargetKind, takesLogits } from './loss.js'

/** Sums over batches add up to the metric: taken at every training step and in every evaluation. */
export const BATCH_METRICS = [
  'accuracy',
  'top-2-accuracy',
  'top-3-accuracy',
  'top-4-accuracy',
  'top-5-accuracy',
  'mean-absolute-error',
  'mean-squared-error',
  'root-mean-squared-error',
  'perplexity',
] as const
export type BatchMetricName = (typeof BATCH_METRICS)[number]

/** Need all predictions at once: taken in evaluations only. */
export const SET_METRICS = [
  'r2',
  'explained-variance',
  'max-error',
  'median-absolute-error',
  'precision-macro',
  'precision-micro',
  'precision-weighted',
  'recall-macro',
  'recall-micro',
  'recall-weighted',
  'f1-macro',
  'f1-micro',
  'f1-weighted',
  'balanced-accuracy',
  'matthews',
  'cohen-kappa',
  'auc',
  'average-precision',
  'log-loss',
  'brier',
] as const
export type SetMetricName = (typeof SET_METRICS)[number]

/** What can be measured besides the loss. */
export const METRICS = [...BATCH_METRICS, ...SET_METRICS] as const
/** Recorded beside the loss; shares such as `accuracy` are 0 to 1, errors are in units of the target. */
export type MetricName = (typeof METRICS)[number]

export function isBatchMetric(name: MetricName): name is BatchMetricName {
  return BATCH_METRICS.some((other) => other === name)
}

export function isSetMetric(name: MetricName): name is SetMetricName {
  return SET_METRICS.some((other) => other === name)
}

/** k of `top-k-accuracy`; null for other metrics. */
export function topOf(name: MetricName): number | null {
  const k = /^top-(\d+)-accuracy$/.exec(name)?.[1]
  return k === undefined ? null : Number(k)
}

const CLASSES: readonly TargetKind[] = ['classes']
const SEQUENCES: readonly TargetKind[] = ['classes', 'tokens']
const DECISIONS: readonly TargetKind[] = ['classes', 'labels']
const NUMBERS: readonly TargetKind[] = ['number']

/** Targets that a metric can be taken of. */
export const METRIC_TARGETS: Readonly<Record<MetricName, readonly TargetKind[]>> = {
  accuracy: ['classes', 'tokens', 'labels'],
  'top-2-accuracy': SEQUENCES,
  'top-3-accuracy': SEQUENCES,
  'top-4-accuracy': SEQUENCES,
  'top-5-accuracy': SEQUENCES,
  'mean-absolute-error': NUMBERS,
  'mean-squared-error': NUMBERS,
  'root-mean-squared-error': NUMBERS,
  perplexity: SEQUENCES,
  r2: NUMBERS,
  'explained-variance': NUMBERS,
  'max-error': NUMBERS,
  'median-absolute-error': NUMBERS,
  'precision-macro': DECISIONS,
  'precision-micro': DECISIONS,
  'precision-weighted': DECISIONS,
  'recall-macro': DECISIONS,
  'recall-micro': DECISIONS,
  'recall-weighted': DECISIONS,
  'f1-macro': DECISIONS,
  'f1-micro': DECISIONS,
  'f1-weighted': DECISIONS,
  'balanced-accuracy': CLASSES,
  matthews: CLASSES,
  'cohen-kappa': CLASSES,
  auc: DECISIONS,
  'average-precision': DECISIONS,
  'log-loss': DECISIONS,
  brier: DECISIONS,
}

const SMALLER_IS_BETTER: readonly MetricName[] = [
  'mean-absolute-error',
  'mean-squared-error',
  'root-mean-squared-error',
  'perplexity',
  'max-error',
  'median-absolute-error',
  'log-loss',
  'brier',
]

/** Which end of a metric is the good one. */
export const METRIC_MODE: Readonly<Record<MetricName, 'min' | 'max'>> = fromEntries(METRICS, (name) =>
  SMALLER_IS_BETTER.includes(name) ? 'min' : 'max',
)

/** Whether predictions under this loss are what the metric needs: probabilities, and for perplexity ones that sum to 1 over the classes. */
export function metricFitsLoss(metric: MetricName, loss: LossName): boolean {
  const isDistribution = takesLogits(loss) === 'softmax' || loss === 'kl-divergence'
  if (metric === 'perplexity') return isDistribution
  if (metric === 'log-loss' || metric === 'brier') return isDistribution || takesLogits(loss) === 'sigmoid'
  return true
}

function fromEntries<Name extends string, T>(names: readonly Name[], value: (name: Name) => T): Record<Name, T> {
  const table: Partial<Record<Name, T>> = {}
  for (const name of names) table[name] = value(name)
  return table as Record<Name, T> // every name has just got its value
}
