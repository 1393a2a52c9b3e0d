import { tf } from '../../src/ml/engine/tensorflow.js'
import { type Loss, rowLoss } from '../../src/ml/losses/loss.js'

/**
 * τ² · KL(softmax(teacher / τ) ‖ softmax(student / τ)): what a small network loses against a large one. Outputs are the logits of the student, labels those
 * of the teacher, both [batch, …, classes]; `temperature` τ > 0. Derivative τ · (softmax(student / τ) − softmax(teacher / τ)).
 * @see Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", 2015.
 */
export function distillation(temperature: number): Loss {
  return rowLoss(
    (student, teacher) => {
      const ofStudent = tf.logSoftmax(tf.div(student, temperature))
      const ofTeacher = tf.logSoftmax(tf.div(teacher, temperature))
      const shares = tf.exp(ofTeacher)
      return {
        values: tf.mul(tf.sum(tf.mul(shares, tf.sub(ofTeacher, ofStudent)), -1), temperature ** 2),
        derivative: () => tf.mul(tf.sub(tf.exp(ofStudent), shares), temperature),
      }
    },
    (logits) => tf.softmax(logits),
  )
}
