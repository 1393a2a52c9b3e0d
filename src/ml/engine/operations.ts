import type { Tensor } from '@tensorflow/tfjs-core'
import { backend, execute, FLOAT32, handleOf, native, type OpAttribute, typeAttribute } from './binding.js'
import { tf } from './tensorflow.js'

/** Multiplications above which a product is worth oneDNN's threads (measured on two cores, docs/recurrent.md). */
const LARGE = 2 ** 22

/**
 * a · b of float32 matrices, for the products of a long chain of small steps: [m, k] · [k, n] → [m, n]; `transposeA` and `transposeB` take
 * an operand as its transpose. Not differentiable: for gradients written by hand.
 *
 * MatMul goes to oneDNN, which splits even a product of 20 µs over all threads and waits for them. BatchMatMulV3 is the one product that
 * oneDNN leaves alone: Eigen's kernel computes it where it is asked for unless it is large.
 */
export function stepMatMul(a: Tensor, b: Tensor, { transposeA = false, transposeB = false } = {}): Tensor {
  const [rows = 0, columns = 0] = a.shape
  const width = b.shape[transposeB ? 0 : 1] ?? 0
  if (rows * columns * width > LARGE) return tf.matMul(a, b, transposeA, transposeB)
  const attributes = [
    typeAttribute('Ta', FLOAT32),
    typeAttribute('Tb', FLOAT32),
    typeAttribute('Tout', FLOAT32),
    { name: 'adj_x', type: native.TF_ATTR_BOOL, value: transposeA },
    { name: 'adj_y', type: native.TF_ATTR_BOOL, value: transposeB },
  ]
  return run('BatchMatMulV3', attributes, [a, b])
}

/** dy · (1 − y²), the gradient of y = tanh(x), as one operation. Not differentiable. */
export function tanhGradient(y: Tensor, dy: Tensor): Tensor {
  return run('TanhGrad', [typeAttribute('T', FLOAT32)], [y, dy])
}

/** An operation of one output, recordable, as a tensor that the surrounding scope disposes of. */
function run(op: string, attributes: OpAttribute[], inputs: Tensor[]): Tensor {
  const [result] = execute(op, attributes, inputs.map(handleOf))
  if (!result) throw new Error(`${op} gave no output`)
  return backend.createOutputTensor(result)
}
