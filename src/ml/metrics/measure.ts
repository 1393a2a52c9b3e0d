import type { SetMetricName } from '../../contracts/metric-name.js'
import { averaged, balancedAccuracy, cohenKappa, f1, matthews, precision, recall } from './confusion.js'
import { type Evaluated, type Measured, unmeasured } from './evaluated.js'
import { brier, logLoss } from './probability.js'
import { auc, averagePrecision } from './ranking.js'
import { explainedVariance, maxError, medianAbsoluteError, r2 } from './regression.js'

/** A metric of a whole evaluation, exactly, in float64. The metric must fit the target (`METRIC_TARGETS`). */
export function measure(name: SetMetricName, evaluated: Evaluated): Measured {
  if (evaluated.rows === 0) return unmeasured('there are no rows')
  if (!evaluated.predictions.every(Number.isFinite)) return unmeasured('a prediction is NaN or infinite')
  return METRICS[name](evaluated)
}

const METRICS = {
  r2,
  'explained-variance': explainedVariance,
  'max-error': maxError,
  'median-absolute-error': medianAbsoluteError,
  'precision-macro': averaged(precision, 'macro'),
  'precision-micro': averaged(precision, 'micro'),
  'precision-weighted': averaged(precision, 'weighted'),
  'recall-macro': averaged(recall, 'macro'),
  'recall-micro': averaged(recall, 'micro'),
  'recall-weighted': averaged(recall, 'weighted'),
  'f1-macro': averaged(f1, 'macro'),
  'f1-micro': averaged(f1, 'micro'),
  'f1-weighted': averaged(f1, 'weighted'),
  'balanced-accuracy': balancedAccuracy,
  matthews,
  'cohen-kappa': cohenKappa,
  auc,
  'average-precision': averagePrecision,
  'log-loss': logLoss,
  brier,
} satisfies Record<SetMetricName, (evaluated: Evaluated) => Measured>
