import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import type { LossName } from '../../../src/contracts/loss.js'
import { BATCH_METRICS, type BatchMetricName, type SetMetricName } from '../../../src/contracts/metric-name.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { Loss } from '../../../src/ml/losses/loss.js'
import { makeLoss } from '../../../src/ml/losses/make-loss.js'
import { confusionMatrix, decisionsOf, f1, precision, recall } from '../../../src/ml/metrics/confusion.js'
import type { Evaluated } from '../../../src/ml/metrics/evaluated.js'
import { finishMetric, makeMetric } from '../../../src/ml/metrics/make-metric.js'
import { measure } from '../../../src/ml/metrics/measure.js'
import { expectAllClose, expectClose, expectSame, Mismatch, type Tolerance, toleranceOf } from '../compare.js'
import { distillation } from '../distillation.js'
import { asNumber, asRecord, asTensor, asText, type Json, type ReferenceCase, type ReferenceTensor } from '../json.js'
import { type CaseRunner, type Outcome, passed, passedWith, unsupported } from '../outcome.js'
import { scalarOf, toTensor } from '../tensors.js'

export const runLossesMetrics: CaseRunner = (reference) => {
  switch (reference.kind) {
    case 'loss':
      return runLoss(reference)
    case 'distillation':
      return runDistillation(reference)
    case 'accuracy':
      return accuracies(reference)
    case 'confusion_matrix':
      return confusion(reference)
    case 'precision_recall_f1':
      return decisions(reference)
    case 'auc_binary':
    case 'auc_ovr':
    case 'log_loss':
    case 'brier':
      return probabilities(reference)
    case 'regression':
      return regression(reference)
    default:
      return unsupported(reference.kind ?? 'no kind')
  }
}

const LOSS_NAMES: Readonly<Record<string, LossName>> = {
  MeanSquaredError: 'mean-squared-error',
  MeanAbsoluteError: 'mean-absolute-error',
  Huber: 'huber',
  LogCosh: 'log-cosh',
  MeanSquaredLogarithmicError: 'mean-squared-logarithmic-error',
  MeanAbsolutePercentageError: 'mean-absolute-percentage-error',
  CosineSimilarity: 'cosine-similarity',
  Poisson: 'poisson',
  CategoricalCrossentropy: 'categorical-crossentropy',
  SparseCategoricalCrossentropy: 'sparse-categorical-crossentropy',
  BinaryCrossentropy: 'binary-crossentropy',
  Hinge: 'hinge',
  SquaredHinge: 'squared-hinge',
  CategoricalHinge: 'categorical-hinge',
  KLDivergence: 'kl-divergence',
}

function runLoss({ input, params, expected, tolerance }: ReferenceCase): Outcome {
  const className = asText(params.class_name)
  const name = LOSS_NAMES[className]
  if (name === undefined) return unsupported(`loss ${className}`)
  const config = asRecord(params.config)
  const options = {
    labelSmoothing: asNumber(config.label_smoothing ?? 0),
    ...(config.delta === undefined ? {} : { huberDelta: asNumber(config.delta) }),
  }
  const loss = makeLoss(name, options, config.from_logits === true ? 'logits' : 'probabilities')
  const outputs = toTensor(asTensor(input.y_pred))
  const isSparse = name === 'sparse-categorical-crossentropy'
  const labels = toTensor(asTensor(input.y_true), isSparse ? 'int32' : 'float32')
  const weights = input.sample_weight === undefined ? null : toTensor(asTensor(input.sample_weight))
  const close = toleranceOf(tolerance)
  checkGradient(loss, { outputs, labels, weights }, expected.value, asTensor(expected.grad_y_pred), close)
  // Keras calls a sample what is a position here: everything but the last axis.
  const each = asTensor(expected.per_sample).data
  expectAllClose(loss.perPosition(outputs, labels).dataSync(), each, close, 'per_sample')
  return passed
}

function runDistillation({ input, params, expected, tolerance }: ReferenceCase): Outcome {
  const outputs = toTensor(asTensor(input.student_logits))
  const labels = toTensor(asTensor(input.teacher_logits))
  const gradient = asTensor(expected.grad_student_logits)
  const loss = distillation(asNumber(params.temperature))
  checkGradient(loss, { outputs, labels, weights: null }, expected.value, gradient, toleranceOf(tolerance))
  return passed
}

function checkGradient(
  loss: Loss,
  { outputs, labels, weights }: { outputs: Tensor; labels: Tensor; weights: Tensor | null },
  expected: unknown,
  gradient: ReferenceTensor,
  close: Tolerance,
): void {
  const { value, grad } = tf.valueAndGrad((x: Tensor): Scalar => loss.loss(x, labels, weights))(outputs)
  expectClose(scalarOf(value), asNumber(expected), close, 'value')
  expectAllClose(grad.dataSync(), gradient.data, close, 'gradient')
}

function accuracies({ input, expected, tolerance }: ReferenceCase): Outcome {
  const scores = toTensor(asTensor(input.y_score))
  const labels = toTensor(asTensor(input.y_true), 'int32')
  for (const [key, value] of Object.entries(expected)) {
    const name = key === 'accuracy' || key === 'top_1' ? 'accuracy' : key.replace(/^top_(\d)$/, 'top-$1-accuracy')
    const metric = BATCH_METRICS.find((known) => known === name)
    if (metric === undefined) return unsupported(`metric ${key}`)
    expectClose(batchMetric(metric, scores, labels), asNumber(value), toleranceOf(tolerance), key)
  }
  return passed
}

function batchMetric(name: BatchMetricName, outputs: Tensor, labels: Tensor): number {
  const sum = scalarOf(makeMetric(name, 'kl-divergence')(outputs, labels))
  return finishMetric(name, sum / (labels.shape[0] ?? 0)) ?? Number.NaN
}

function confusion({ input, params, expected }: ReferenceCase): Outcome {
  const matrix = confusionMatrix(asTensor(input.y_true).data, asTensor(input.y_pred).data, asNumber(params.labels))
  expectSame(matrix.flat(), asTensor(expected.matrix).data, 'matrix')
  return passed
}

/** Metrics that are quotients of counts, in float64. */
const COUNTING: Tolerance = { abs: 1e-15, rel: 1e-9 }

function decisions({ input, params, expected }: ReferenceCase): Outcome {
  const classes = asNumber(params.labels)
  const decided = asTensor(input.y_pred).data
  const evaluated: Evaluated = {
    target: 'classes',
    predictions: Float32Array.from(decided.flatMap((k) => Array.from({ length: classes }, (_, i) => Number(i === k)))),
    labels: Int32Array.from(asTensor(input.y_true).data),
    rows: decided.length,
    size: classes,
    threshold: 0.5,
  }
  const ofEach = decisionsOf(evaluated)
  for (const [key, score] of Object.entries({ precision, recall, f1 })) {
    expectAllClose(ofEach.map(score), asTensor(expected[`${key}_per_class`]).data, COUNTING, key)
  }
  const averages = Object.keys(expected).filter((key) => !key.endsWith('per_class'))
  for (const key of averages) checkSetMetric(evaluated, SET_NAMES[key], expected, key, COUNTING)
  return passed
}

const SET_NAMES: Readonly<Record<string, SetMetricName>> = {
  precision_macro: 'precision-macro',
  precision_micro: 'precision-micro',
  precision_weighted: 'precision-weighted',
  recall_macro: 'recall-macro',
  recall_micro: 'recall-micro',
  recall_weighted: 'recall-weighted',
  f1_macro: 'f1-macro',
  f1_micro: 'f1-micro',
  f1_weighted: 'f1-weighted',
  balanced_accuracy: 'balanced-accuracy',
  matthews: 'matthews',
  cohen_kappa: 'cohen-kappa',
  auc: 'auc',
  average_precision: 'average-precision',
  value: 'log-loss',
  brier: 'brier',
  r2: 'r2',
  explained_variance: 'explained-variance',
  max_error: 'max-error',
  median_ae: 'median-absolute-error',
}

function probabilities({ input, expected, kind, tolerance }: ReferenceCase): Outcome {
  const { shape, data } = asTensor(input.y_score)
  const evaluated: Evaluated = {
    target: 'classes',
    predictions: Float32Array.from(data),
    labels: Int32Array.from(asTensor(input.y_true).data),
    rows: shape[0] ?? 0,
    size: shape[1] ?? 1,
    threshold: 0.5,
  }
  const close = kind === 'auc_binary' || kind === 'auc_ovr' ? COUNTING : toleranceOf(tolerance)
  for (const key of Object.keys(expected)) checkSetMetric(evaluated, SET_NAMES[key], expected, key, close)
  return passed
}

function checkSetMetric(
  evaluated: Evaluated,
  name: SetMetricName | undefined,
  expected: Json,
  key: string,
  close: Tolerance,
): void {
  if (name === undefined) throw new Mismatch(`${key}: there is no such metric`)
  const { value, reason } = measure(name, evaluated)
  if (value === null) throw new Mismatch(`${key}: ${reason}`)
  expectClose(value, asNumber(expected[key]), close, key)
}

const BATCH_NAMES: Readonly<Record<string, BatchMetricName>> = {
  mae: 'mean-absolute-error',
  mse: 'mean-squared-error',
  rmse_pooled: 'root-mean-squared-error',
}

function regression({ input, expected, tolerance }: ReferenceCase): Outcome {
  const outputs = asTensor(input.y_pred)
  const truth = asTensor(input.y_true)
  const [rows = 0, size = 1] = outputs.shape
  const labels = Float32Array.from(truth.data)
  const predictions = Float32Array.from(outputs.data)
  const evaluated: Evaluated = { target: 'number', predictions, labels, rows, size, threshold: 0.5 }
  const close = toleranceOf(tolerance)
  const left: string[] = []
  for (const [key, value] of Object.entries(expected)) {
    const batch = BATCH_NAMES[key]
    if (batch) expectClose(batchMetric(batch, toTensor(outputs), toTensor(truth)), asNumber(value), close, key)
    else if (key === 'r2_perfect') checkSetMetric({ ...evaluated, predictions: labels }, 'r2', expected, key, close)
    else if (key in SET_NAMES) checkSetMetric(evaluated, SET_NAMES[key], expected, key, close)
    else left.push(key)
  }
  // Other ways to average over several targets, which Espalier does not offer.
  return left.length === 0 ? passed : passedWith(`not offered: ${left.join(', ')}`)
}
