import type { Tensor } from '@tensorflow/tfjs-core'
import type { DatasetSchema, DatasetTarget } from '../contracts/dataset.js'
import type { StoredTensor, StoredTensors } from '../formats/safetensors.js'
import type { PlannedSpec } from '../planning/planned-spec.js'
import type { Normalization, StartingPoint } from '../planning/starting-point.js'
import { kFold, randomSplit, stratifiedSplit } from './data-split.js'
import { gatherRows } from './engine/gather.js'
import { tf } from './engine/tensorflow.js'
import type { Tensors } from './engine/types.js'
import { exampleWeights, makeClassWeights } from './losses/example-weights.js'
import { TrainingFailure } from './training-failure.js'

export interface PreparedData {
  /**
   * What lies in the session: `data/features` and `data/labels` with the rows of the test split after those of the training split, and
   * for uint8 features `data/mean` and `data/scale`; `data/weights` of the rows and `data/class-weights` where there are some. Float features are
   * normalized already; ids of tokens (int32) stay what they are.
   */
  readonly state: StoredTensors
  /** Row numbers in `data/features`; together the rows of the training split. */
  readonly trainRows: Int32Array
  readonly validationRows: Int32Array
  readonly testRows: Int32Array
  readonly normalization: Normalization | null
  /** Labels of these rows, on the host, as `DatasetTarget` says they are held. */
  labelsOf(rows: Int32Array): { kind: DatasetTarget['kind']; values: Int32Array | Float32Array }
}

/**
 * Draws the validation rows by the seed, measures the normalization on the rows that train unless that of a finished model is to be kept, and lays out the resident state.
 * @throws DATASET_INVALID when a tensor is missing, or a label is no class (row named).
 */
export function prepareData(
  data: StoredTensors,
  schema: DatasetSchema,
  spec: PlannedSpec,
  start: StartingPoint | null = null,
): PreparedData {
  const features = joined(data, 'features')
  const labels = checkedLabels(joined(data, 'labels'), schema)
  const { trainRows, validationRows } = split(labels, schema, spec)
  const entries = schema.exampleShape.at(-1) ?? 1
  const isId = features.type === 'int32'
  if (isId) checkIds(features, schema)
  const kept = start?.normalization ?? null
  const normalization =
    spec.normalization === 'standardize' && !isId ? (kept ?? measure(features, entries, trainRows)) : null
  const isByte = features.type === 'uint8'
  return {
    state: {
      'data/features': isByte || !normalization ? features : normalize(features, normalization),
      'data/labels': labels,
      ...(isByte && normalization ? constants(normalization) : {}),
      ...weights(data, schema, spec, { labels, trainRows }),
    },
    trainRows,
    validationRows,
    testRows: Int32Array.from({ length: schema.testRows }, (_, row) => schema.trainRows + row),
    normalization,
    labelsOf: (rows) => ({ kind: schema.target.kind, values: pickRows(labels, rows) }),
  }
}

function pickRows({ values, shape }: StoredTensor, rows: Int32Array): Int32Array | Float32Array {
  const width = shape.slice(1).reduce((product, extent) => product * extent, 1)
  const picked =
    values instanceof Int32Array ? new Int32Array(rows.length * width) : new Float32Array(rows.length * width)
  for (const [place, row] of rows.entries()) picked.set(values.subarray(row * width, (row + 1) * width), place * width)
  return picked
}

export interface Batch {
  /** Normalized, [batch, …]. */
  readonly features: Tensor
  readonly labels: Tensor
  /** float32 [batch], for the loss of training; null: all examples weigh the same. */
  readonly weights: Tensor | null
}

/** The examples of `rows` [batch], from resident state. For use within a step. */
export function gatherBatch(state: Tensors, rows: Tensor): Batch {
  const { 'data/features': stored, 'data/labels': labels, 'data/mean': mean, 'data/scale': scale } = state
  if (!stored || !labels) throw new Error('the state holds no data')
  const gathered = gatherRows(stored, rows)
  const features = mean && scale ? tf.mul(tf.sub(gathered, mean), scale) : gathered
  const batchLabels = gatherRows(labels, rows)
  const { 'data/weights': sampleWeights, 'data/class-weights': classWeights } = state
  const own = sampleWeights ? gatherRows(sampleWeights, rows) : null
  return { features, labels: batchLabels, weights: exampleWeights(batchLabels, classWeights ?? null, own) }
}

function split(labels: StoredTensor, { trainRows: rows }: DatasetSchema, { validation, seed }: PlannedSpec) {
  const { fraction, folds, fold = 0, stratified } = validation
  const classes = stratified ? Int32Array.from(labels.values.subarray(0, rows)) : null
  if (folds !== undefined) return kFold(classes ? { labels: classes } : { rows }, { fold, folds, seed })
  return classes ? stratifiedSplit(classes, fraction, seed) : randomSplit(rows, fraction, seed)
}

/** `data/weights`: 1 for rows of the test split, which is not trained on. */
function weights(
  data: StoredTensors,
  schema: DatasetSchema,
  spec: PlannedSpec,
  { labels, trainRows }: { labels: StoredTensor; trainRows: Int32Array },
): StoredTensors {
  const found: Record<string, StoredTensor> = {}
  if (schema.hasWeights) {
    const stored = data['train.weights']
    if (!stored) throw new TrainingFailure('DATASET_INVALID', 'the dataset has no tensor train.weights', null)
    const values = new Float32Array(schema.trainRows + schema.testRows).fill(1)
    values.set(stored.values.subarray(0, schema.trainRows))
    found['data/weights'] = { type: 'float32', shape: [values.length], values }
  }
  if (spec.classWeights !== undefined && schema.target.kind === 'classes') {
    const seen = trainRows.map((row) => labels.values[row] ?? 0)
    const values = makeClassWeights(spec.classWeights, seen, schema.target.names.length)
    found['data/class-weights'] = { type: 'float32', shape: [values.length], values }
  }
  return found
}

/** A bad id would be an error of the engine in the middle of the training, or none under XLA. */
function checkIds(features: StoredTensor, { vocabularySize = 0 }: DatasetSchema): void {
  const wrong = features.values.findIndex((id) => !(id >= 0 && id < vocabularySize))
  if (wrong < 0) return
  const row = Math.floor(wrong / (features.values.length / (features.shape[0] ?? 1)))
  throw new TrainingFailure(
    'DATASET_INVALID',
    `row ${row}: id ${features.values[wrong]} is not below the size of the vocabulary, ${vocabularySize}`,
    null,
  )
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

function checkedLabels(labels: StoredTensor, { target, trainRows, testRows }: DatasetSchema): StoredTensor {
  if (target.kind === 'number' || target.kind === 'labels')
    return { ...labels, type: 'float32', values: Float32Array.from(labels.values) }
  const limit = target.kind === 'classes' ? target.names.length : target.vocabulary.length
  const wrong = labels.values.findIndex((label) => !(label >= 0 && label < limit))
  if (wrong >= 0) {
    const row = Math.floor(wrong / (labels.values.length / (trainRows + testRows)))
    const things = target.kind === 'classes' ? 'classes' : 'tokens of the vocabulary'
    throw new TrainingFailure(
      'DATASET_INVALID',
      `row ${row}: label ${labels.values[wrong]} is none of the ${limit} ${things}`,
      null,
    )
  }
  const shape = target.kind === 'classes' ? labels.shape.slice(0, 1) : labels.shape
  return { type: 'int32', shape, values: Int32Array.from(labels.values) }
}

/** Population deviation. Two passes: the textbook one-pass formula cancels when the mean is large against the deviation. */
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
