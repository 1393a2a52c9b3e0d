import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import { type Loss, makeLoss } from '../../../src/ml/losses.js'
import { makeMetric } from '../../../src/ml/metrics.js'
import { expectAllClose, expectClose, toleranceOf } from '../compare.js'
import { asNumber, asRecord, asTensor, asText, type ReferenceCase, type ReferenceTensor } from '../json.js'
import { type CaseRunner, type Outcome, passed, passedWith, unsupported } from '../outcome.js'
import { scalarOf, toTensor } from '../tensors.js'

export const runLossesMetrics: CaseRunner = (reference) => {
  switch (reference.kind) {
    case 'loss':
      return runLoss(reference)
    case 'accuracy':
      return accuracy(reference)
    case 'regression':
      return regression(reference)
    default:
      return unsupported(reference.kind ?? 'no kind')
  }
}

function runLoss(reference: ReferenceCase): Outcome {
  const className = asText(reference.params.class_name)
  const config = asRecord(reference.params.config)
  const options = config.from_logits === true ? 'logits' : 'probabilities'
  if (reference.input.sample_weight !== undefined) return unsupported(`loss ${className} with sample weights`)
  const outputs = asTensor(reference.input.y_pred)
  const truth = asTensor(reference.input.y_true)
  switch (className) {
    case 'MeanSquaredError':
      return checkLoss(reference, makeLoss('mean-squared-error'), toTensor(outputs), toTensor(truth))
    case 'SparseCategoricalCrossentropy':
      if (options !== 'logits') return unsupported(`loss ${className} of ${options}`)
      return checkLoss(reference, crossentropy, toTensor(outputs), toTensor(truth, 'int32'))
    case 'CategoricalCrossentropy': {
      const smoothing = asNumber(config.label_smoothing ?? 0)
      if (options !== 'logits' || smoothing !== 0 || !isOneHot(truth)) {
        return unsupported(`loss ${className} of ${options}, label smoothing ${smoothing}`)
      }
      // One-hot labels say the same as their indexes, which is what Espalier takes.
      return checkLoss(reference, crossentropy, toTensor(outputs), tf.argMax(toTensor(truth), -1))
    }
    default:
      return unsupported(`loss ${className}`)
  }
}

const crossentropy = makeLoss('sparse-categorical-crossentropy')

function checkLoss({ expected, tolerance }: ReferenceCase, loss: Loss, outputs: Tensor, labels: Tensor): Outcome {
  const close = toleranceOf(tolerance)
  const { value, grad } = tf.valueAndGrad((x: Tensor): Scalar => loss.loss(x, labels))(outputs)
  expectClose(scalarOf(value), asNumber(expected.value), close, 'value')
  expectAllClose(loss.perExample(outputs, labels).dataSync(), asTensor(expected.per_sample).data, close, 'per_sample')
  expectAllClose(grad.dataSync(), asTensor(expected.grad_y_pred).data, close, 'grad_y_pred')
  return passed
}

function accuracy({ input, expected, tolerance }: ReferenceCase): Outcome {
  const scores = toTensor(asTensor(input.y_score))
  const labels = toTensor(asTensor(input.y_true), 'int32')
  const correct = scalarOf(makeMetric('accuracy')(scores, labels))
  const close = toleranceOf(tolerance)
  expectClose(correct / (labels.shape[0] ?? 0), asNumber(expected.accuracy), close, 'accuracy')
  expectClose(correct / (labels.shape[0] ?? 0), asNumber(expected.top_1), close, 'top_1')
  return passedWith('accuracy only; top-k is not supported yet')
}

function regression({ input, expected, tolerance }: ReferenceCase): Outcome {
  if (expected.mae === undefined) return unsupported('regression (r2)')
  const outputs = batched(asTensor(input.y_pred))
  const labels = batched(asTensor(input.y_true))
  const close = toleranceOf(tolerance)
  const absolute = scalarOf(makeMetric('mean-absolute-error')(outputs, labels)) / (labels.shape[0] ?? 0)
  expectClose(absolute, asNumber(expected.mae), close, 'mae')
  const squared = scalarOf(makeLoss('mean-squared-error').loss(outputs, labels))
  expectClose(squared, asNumber(expected.mse), close, 'mse')
  return passedWith('mae and mse only; r2, rmse and others are not supported yet')
}

/** Espalier's outputs always have a batch axis and one of numbers; scikit-learn takes a vector for a column. */
function batched({ shape, data }: ReferenceTensor): Tensor {
  return toTensor({ shape: shape.length === 1 ? [...shape, 1] : shape, data })
}

function isOneHot({ shape, data }: ReferenceTensor): boolean {
  const rows = data.length / (shape.at(-1) ?? 1)
  const total = data.reduce((sum, value) => sum + value, 0)
  return total === rows && data.every((value) => value === 0 || value === 1)
}
