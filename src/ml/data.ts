import type { Tensor } from '@tensorflow/tfjs-core'
import type { DatasetSchema } from '../contracts/dataset.js'
import type { TrainingJobSpec } from '../contracts/training-job.js'
import type { StoredTensor, StoredTensors } from '../formats/safetensors.js'
import { splitRows } from '../planning/plan.js'
import { gatherRows } from './engine/gather.js'
import { tf } from './engine/tensorflow.js'
import type { Tensors } from './engine/types.js'
import { makeRandom } from './random.js'
import { TrainingFailure } from './training-failure.js'

/** In float64; one entry a column of a table or a channel of an image. x' = (x − mean) / deviation. */
export interface Normalization {
  readonly mean: readonly number[]
  /** Population deviation; 1 for an entry that never changes. */
  readonly deviation: readonly number[]
}

export interface PreparedData {
  /**
   * What lies in the session: `data/features` and `data/labels` with the rows of the test split after those of the training split, and
   * for uint8 features `data/mean` and `data/scale`. Float features are normalized already.
   */
  readonly state: StoredTensors
  /** Row numbers in `data/features`; together the rows of the training split. */
  readonly trainRows: Int32Array
  readonly validationRows: Int32Array
  readonly testRows: Int32Array
  readonly normalization: Normalization | null
}

/**
 * Draws the validation rows by the seed, measures the normalization on the rows that train, and lays out the resident state.
 * @throws DATASET_INVALID when a tensor is missing, or a label is no class (row named).
 */
export function prepareData(data: StoredTensors, schema: DatasetSchema, spec: TrainingJobSpec): PreparedData {
  const features = joined(data, 'features')
  const labels = checkedLabels(joined(data, 'labels'), schema)
  const { trainRows, validationRows } = split(schema.trainRows, spec)
  const entries = schema.exampleShape.at(-1) ?? 1
  const normalization = spec.normalization === 'standardize' ? measure(features, entries, trainRows) : null
  const isByte = features.type === 'uint8'
  return {
    state: {
      'data/features': isByte || !normalization ? features : normalize(features, normalization),
      'data/labels': labels,
      ...(isByte && normalization ? constants(normalization) : {}),
    },
    trainRows,
    validationRows,
    testRows: Int32Array.from({ length: schema.testRows }, (_, row) => schema.trainRows + row),
    normalization,
  }
}

/** The normalized examples [batch, …] and labels of `rows` [batch], from resident state. For use within a step. */
export function gatherBatch(state: Tensors, rows: Tensor): { features: Tensor; labels: Tensor } {
  const { 'data/features': stored, 'data/labels': labels, 'data/mean': mean, 'data/scale': scale } = state
  if (!stored || !labels) throw new Error('the state holds no data')
  const gathered = gatherRows(stored, rows)
  const features = mean && scale ? tf.mul(tf.sub(gathered, mean), scale) : gathered
  return { features, labels: gatherRows(labels, rows) }
}

function split(rows: number, spec: TrainingJobSpec): { trainRows: Int32Array; validationRows: Int32Array } {
  const { validationRows: held } = splitRows(spec.validation.fraction, rows)
  const order =
    held > 0 ? makeRandom(spec.seed, 'split').permutation(rows) : Int32Array.from({ length: rows }, (_, i) => i)
  // Sorted, so that the order of the data and not of the draw is what an epoch's permutation starts from.
  return { validationRows: order.slice(0, held).sort(), trainRows: order.slice(held).sort() }
}

function joined(data: StoredTensors, part: 'features' | 'labels'): StoredTensor {
  const train = data[`train.${part}`]
  const test = data[`test.${part}`]
  if (!train) throw new TrainingFailure('DATASET_INVALID', `the dataset has no tensor train.${part}`, null)
  if (!test) return train
  const shape = [(train.shape[0] ?? 0) + (test.shape[0] ?? 0), ...train.shape.slice(1)]
  if (train.values instanceof Uint8Array && test.values instanceof Uint8Array)
    return { type: 'uint8', shape, values: concatenate(train.values, test.values, new Uint8Array(size(train, test))) }
  if (train.values instanceof Int32Array && test.values instanceof Int32Array)
    return { type: 'int32', shape, values: concatenate(train.values, test.values, new Int32Array(size(train, test))) }
  if (train.values instanceof Float32Array && test.values instanceof Float32Array)
    return {
      type: 'float32',
      shape,
      values: concatenate(train.values, test.values, new Float32Array(size(train, test))),
    }
  throw new TrainingFailure('DATASET_INVALID', `train.${part} and test.${part} are of different types`, null)
}

const size = (a: StoredTensor, b: StoredTensor) => a.values.length + b.values.length

function concatenate<T extends Uint8Array | Int32Array | Float32Array>(first: T, second: T, into: T): T {
  into.set(first)
  into.set(second, first.length)
  return into
}

function checkedLabels(labels: StoredTensor, schema: DatasetSchema): StoredTensor {
  if (schema.target.kind === 'number') return { ...labels, type: 'float32', values: Float32Array.from(labels.values) }
  const classes = schema.target.names.length
  const wrong = labels.values.findIndex((label) => !(label >= 0 && label < classes))
  if (wrong >= 0)
    throw new TrainingFailure(
      'DATASET_INVALID',
      `row ${wrong}: label ${labels.values[wrong]} is none of the ${classes} classes`,
      null,
    )
  return { type: 'int32', shape: labels.shape.slice(0, 1), values: Int32Array.from(labels.values) }
}

/** Two passes: the textbook one-pass formula cancels when the mean is large against the deviation. */
function measure(features: StoredTensor, entries: number, rows: Int32Array): Normalization {
  const { values } = features
  const perRow = features.shape.slice(1).reduce((product, extent) => product * extent, 1)
  const count = (rows.length * perRow) / entries
  const total = (term: (value: number, entry: number) => number) => {
    const sums = new Float64Array(entries)
    for (const row of rows) {
      const end = (row + 1) * perRow
      let entry = 0
      for (let index = row * perRow; index < end; index++) {
        sums[entry] = (sums[entry] ?? 0) + term(values[index] ?? 0, entry)
        entry = entry + 1 === entries ? 0 : entry + 1
      }
    }
    return sums
  }
  const mean = total((value) => value).map((sum) => sum / count)
  const squares = total((value, entry) => (value - (mean[entry] ?? 0)) ** 2)
  const deviation = squares.map((sum) => Math.sqrt(sum / count) || 1)
  return { mean: [...mean], deviation: [...deviation] }
}

/** In float64 before rounding: in float32 a column of large, close numbers would lose its digits to the subtraction. */
function normalize(features: StoredTensor, { mean, deviation }: Normalization): StoredTensor {
  const entries = mean.length
  const values = Float32Array.from(features.values, (value, index) => {
    const entry = index % entries
    return (value - (mean[entry] ?? 0)) / (deviation[entry] ?? 1)
  })
  return { type: 'float32', shape: features.shape, values }
}

function constants({ mean, deviation }: Normalization): StoredTensors {
  const vector = (values: readonly number[]): StoredTensor => ({
    type: 'float32',
    shape: [values.length],
    values: Float32Array.from(values),
  })
  return { 'data/mean': vector(mean), 'data/scale': vector(deviation.map((value) => 1 / value)) }
}
