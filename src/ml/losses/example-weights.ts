import type { Tensor } from '@tensorflow/tfjs-core'
import type { ClassWeights } from '../../contracts/loss.js'
import { tf } from '../engine/tensorflow.js'
import { TrainingFailure } from '../training-failure.js'

/**
 * One weight a class, float32 [classes], from the int32 labels of the rows that train. `balanced`: rows / (k · rows of the class), where k is the
 * number of classes that occur, so that a row weighs 1 on average; a class that does not occur gets 0.
 * @throws SPEC_INVALID when a list has another length than there are classes; SPEC_OUT_OF_RANGE when no row would have a weight.
 * @see King, Zeng, "Logistic Regression in Rare Events Data", 2001; scikit-learn `compute_class_weight`.
 */
export function makeClassWeights(spec: ClassWeights, labels: Int32Array, classes: number): Float32Array {
  const counts = new Float64Array(classes)
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1
  if (spec === 'balanced') {
    const occurring = counts.filter((count) => count > 0).length
    return Float32Array.from(counts, (count) => (count > 0 ? labels.length / (occurring * count) : 0))
  }
  if (spec.length !== classes)
    throw new TrainingFailure(
      'SPEC_INVALID',
      `/classWeights: ${spec.length} weights for ${classes} classes; give one a class`,
      null,
    )
  if (counts.every((count, label) => count === 0 || spec[label] === 0))
    throw new TrainingFailure(
      'SPEC_OUT_OF_RANGE',
      '/classWeights: every class that occurs in the rows has weight 0: nothing would be learned; raise one',
      null,
    )
  return Float32Array.from(spec)
}

/**
 * Weights of the examples of a batch, float32 [batch], for the loss: that of the class of each of `labels` int32 [batch], times its own. Null when
 * there are neither. Both come from the state or the inputs of the step: `classWeights` [classes], `sampleWeights` [batch].
 */
export function exampleWeights(
  labels: Tensor,
  classWeights: Tensor | null,
  sampleWeights: Tensor | null,
): Tensor | null {
  if (!classWeights) return sampleWeights
  const ofClass = tf.gather(classWeights, labels as typeof labels & { rank: 1 }) // int32 classes have one axis
  return sampleWeights ? tf.mul(ofClass, sampleWeights) : ofClass
}
