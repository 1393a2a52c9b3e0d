import type { DatasetTarget } from '../contracts/dataset.js'
import type { StoredTensor, StoredTensors } from '../formats/safetensors.js'
import { evaluationBatch } from '../planning/memory.js'
import { gatherBatch, type PreparedData } from './data.js'
import { compile } from './engine/compile.js'
import { tf } from './engine/tensorflow.js'
import type { Session, SignatureSpec } from './engine/types.js'
import type { Model } from './models/model.js'
import { tensorAt } from './optimizers/optimizer.js'

/** What a model gives for examples: logits where it ends in a softmax or sigmoid under its loss. */
export interface Outputs {
  readonly rows: number
  readonly values: Float32Array
}

/** The examples of `rows` alone, as they lie in a session: what a model needs to be applied to them. */
export function examplesOf({ state }: Pick<PreparedData, 'state'>, rows: Int32Array): StoredTensors {
  const { 'data/features': features, 'data/labels': labels, 'data/mean': mean, 'data/scale': scale } = state
  if (!features || !labels) throw new Error('the state holds no data')
  return {
    'data/features': pick(features, rows),
    'data/labels': pick(labels, rows),
    ...(mean && scale ? { 'data/mean': mean, 'data/scale': scale } : {}),
  }
}

/** A session that applies the model, as in use, to batches of these sizes. Signature `predict-<batch>`, input `rows`, output `outputs`. */
export function openPredictor(
  model: Model,
  weights: StoredTensors,
  examples: StoredTensors,
  batches: readonly number[],
): Session {
  const signatures = batches.map((batch) => [`predict-${batch}`, predictSignature(model, batch)] as const)
  return compile({ ...examples, ...weights }, Object.fromEntries(signatures))
}

/** The outputs for all the examples, in their order. */
export function predict(model: Model, weights: StoredTensors, examples: StoredTensors): Outputs {
  const rows = examples['data/features']?.shape[0] ?? 0
  const size = Math.min(rows, evaluationBatch(model.layers))
  const rest = rows % size
  const session = openPredictor(model, weights, examples, rest === 0 ? [size] : [size, rest])
  try {
    const parts: Float32Array[] = []
    for (let begin = 0; begin < rows; begin += size) {
      const batch = Int32Array.from({ length: Math.min(size, rows - begin) }, (_, index) => begin + index)
      parts.push(Float32Array.from(session.run(`predict-${batch.length}`, { rows: batch }).outputs ?? []))
    }
    const values = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (const part of parts) {
      values.set(part, at)
      at += part.length
    }
    return { rows, values }
  } finally {
    session.close()
  }
}

/** Examples whose prediction differs: the class or token of the largest logit, a label by its sign; never for numbers. */
export function changedPredictions(one: Outputs, other: Outputs, target: DatasetTarget): number {
  if (target.kind === 'number') return 0
  const perRow = one.values.length / one.rows
  const width = target.kind === 'tokens' ? target.vocabulary.length : perRow
  let changed = 0
  for (let row = 0; row < one.rows; row++) {
    const begin = row * perRow
    const differs =
      target.kind === 'labels' || width === 1
        ? someSign(one.values, other.values, begin, begin + perRow)
        : someLargest(one.values, other.values, { begin, end: begin + perRow, width })
    if (differs) changed++
  }
  return changed
}

function someSign(a: Float32Array, b: Float32Array, begin: number, end: number): boolean {
  for (let i = begin; i < end; i++) if ((a[i] ?? 0) > 0 !== (b[i] ?? 0) > 0) return true
  return false
}

function someLargest(
  a: Float32Array,
  b: Float32Array,
  { begin, end, width }: { readonly begin: number; readonly end: number; readonly width: number },
): boolean {
  for (let at = begin; at < end; at += width)
    if (largest(a.subarray(at, at + width)) !== largest(b.subarray(at, at + width))) return true
  return false
}

function largest(values: Float32Array): number {
  return values.indexOf(values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY))
}

function predictSignature(model: Model, batch: number): SignatureSpec {
  const names = [...Object.keys(model.parameters), ...Object.keys(model.moments)]
  return {
    inputs: { rows: { shape: [batch], dtype: 'int32' } },
    step: ({ state, inputs }) => {
      const { features } = gatherBatch(state, tensorAt(inputs, 'rows'))
      const weights = Object.fromEntries(names.map((name) => [name, tensorAt(state, name)]))
      return { outputs: { outputs: tf.reshape(model.apply(weights, features), [-1]) } }
    },
  }
}

function pick(tensor: StoredTensor, rows: Int32Array): StoredTensor {
  const width = tensor.shape.slice(1).reduce((product, extent) => product * extent, 1)
  const { values } = tensor
  const Kind = values.constructor as new (length: number) => typeof values // one of the typed arrays
  const picked = new Kind(rows.length * width)
  for (const [place, row] of rows.entries()) picked.set(values.subarray(row * width, (row + 1) * width), place * width)
  return { ...tensor, shape: [rows.length, ...tensor.shape.slice(1)], values: picked } as StoredTensor // of the same type
}
