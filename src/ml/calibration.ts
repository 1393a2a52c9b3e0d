import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import { makeRandom } from '../random.js'
import { gatherBatch } from './data.js'
import { tf } from './engine/tensorflow.js'
import type { Outputs, Session, SignatureSpec, Tensors } from './engine/types.js'
import { gradients } from './gradients.js'
import { tensorAt } from './optimizers/optimizer.js'
import type { StepParts } from './state.js'

/** What gradients over the calibration rows say of a weight, row-major like its values. */
export interface WeightGradients {
  /** Of the mean loss over all rows. */
  readonly gradient: Float32Array
  /** Mean over the batches of the square of their gradient. */
  readonly squaredGradient: Float32Array
}

/** Sums over the calibration rows and positions of what a layer takes, one entry an index of its last axis. */
export interface InputStatistics {
  /** Values that each entry sums up: rows · positions. */
  readonly count: number
  readonly absolute: Float64Array
  readonly squares: Float64Array
  /** Values that are not 0. */
  readonly active: Float64Array
}

/** Measures gradients, activations and synaptic flow in compiled passes that change nothing. */
export interface Calibration {
  /** By weight. `draw`, of what is dropped: a step. */
  gradients(session: Session, draw: number): Record<string, WeightGradients>
  /** By layer: of its first input. */
  inputs(session: Session): Record<string, InputStatistics>
  /** By weight: ∂R/∂|w|, R the sum of the outputs of the absolute weights on an input of ones. */
  flow(session: Session): Record<string, Float32Array>
}

/** What a job needs to know. */
export interface CalibrationNeeds {
  readonly gradientsOf: readonly string[]
  readonly inputsOf: readonly string[]
  readonly flowOf: readonly string[]
}

const FLOW = 'calibrate-flow'
const nameOf = (kind: 'gradients' | 'inputs', batch: number) => `calibrate-${kind}-${batch}`

/** Rows of the training split that are measured on, drawn by the seed, in batches of the spec. */
export function calibrationBatches({ spec }: StepParts, trainRows: Int32Array): Int32Array[] {
  const order = makeRandom(spec.seed, 'calibration').permutation(trainRows.length)
  const rows = order.slice(0, spec.pruning?.calibration.rows ?? 0).map((place) => trainRows[place] ?? 0)
  const batches: Int32Array[] = []
  for (let begin = 0; begin < rows.length; begin += spec.batchSize)
    batches.push(rows.slice(begin, begin + spec.batchSize))
  return batches
}

/** Signatures for what is needed, and what runs them. */
export function makeCalibration(
  parts: StepParts,
  batches: readonly Int32Array[],
  needs: CalibrationNeeds,
): { signatures: Record<string, SignatureSpec>; calibration: Calibration } {
  const sizes = [...new Set(batches.map(({ length }) => length))]
  const signatures: Record<string, SignatureSpec> = {}
  for (const size of sizes) {
    if (needs.gradientsOf.length > 0)
      signatures[nameOf('gradients', size)] = gradientSignature(parts, size, needs.gradientsOf)
    if (needs.inputsOf.length > 0) signatures[nameOf('inputs', size)] = inputSignature(parts, size, needs.inputsOf)
  }
  if (needs.flowOf.length > 0) signatures[FLOW] = flowSignature(parts, needs.flowOf)
  return {
    signatures,
    calibration: {
      gradients: (session, draw) => collectGradients(session, batches, needs.gradientsOf, draw),
      inputs: (session) => collectInputs(session, batches, needs.inputsOf),
      flow(session) {
        const size = parts.model.layers[0]?.inputShapes[0].reduce((product, extent) => product * extent, 1) ?? 0
        const outputs = session.run(FLOW, { ones: new Float32Array(size).fill(1) })
        return Object.fromEntries(needs.flowOf.map((name) => [name, floats(outputs, name)]))
      },
    },
  }
}

/** The gradients of a training step, as it is: with dropout, and batch normalization by the batch. */
function gradientSignature(parts: StepParts, batch: number, names: readonly string[]): SignatureSpec {
  return {
    inputs: { rows: { shape: [batch], dtype: 'int32' }, draw: { shape: [], dtype: 'int32' } },
    step: ({ state, inputs }) => {
      const { grads } = gradients(parts, state, tensorAt(inputs, 'rows'), tensorAt(inputs, 'draw'))
      return { outputs: Object.fromEntries(names.map((name) => [name, tf.reshape(tensorAt(grads, name), [-1])])) }
    },
  }
}

function collectGradients(
  session: Session,
  batches: readonly Int32Array[],
  names: readonly string[],
  draw: number,
): Record<string, WeightGradients> {
  const sums: Record<string, { gradient: Float64Array; squares: Float64Array }> = {}
  const rows = batches.reduce((sum, batch) => sum + batch.length, 0)
  for (const batch of batches) {
    const outputs = session.run(nameOf('gradients', batch.length), { rows: batch, draw: Int32Array.of(draw) })
    const share = batch.length / rows
    for (const name of names) {
      const grad = floats(outputs, name)
      const sum = sums[name] ?? { gradient: new Float64Array(grad.length), squares: new Float64Array(grad.length) }
      sums[name] = sum
      for (let i = 0; i < grad.length; i++) {
        const value = grad[i] ?? 0
        sum.gradient[i] = (sum.gradient[i] ?? 0) + value * share
        sum.squares[i] = (sum.squares[i] ?? 0) + (value * value) / batches.length
      }
    }
  }
  return Object.fromEntries(
    Object.entries(sums).map(([name, { gradient, squares }]) => [
      name,
      { gradient: Float32Array.from(gradient), squaredGradient: Float32Array.from(squares) },
    ]),
  )
}

/** The model as in use. Of the inputs of a layer the first counts. */
function inputSignature({ model }: StepParts, batch: number, layers: readonly string[]): SignatureSpec {
  const places = new Map(model.layers.map(({ name }, index) => [name, index]))
  return {
    inputs: { rows: { shape: [batch], dtype: 'int32' } },
    step: ({ state, inputs }) => {
      const { features } = gatherBatch(state, tensorAt(inputs, 'rows'))
      const outputs = model.trace(weightsOf(model, state), features)
      const statistics = layers.flatMap((name) => {
        const layer = model.layers[places.get(name) ?? -1]
        const shape = layer?.inputShapes[0] ?? []
        const taken = outputs[places.get(layer?.inputs[0] ?? '') ?? -1] ?? tf.reshape(features, [batch, ...shape])
        const flat = tf.reshape(tf.cast(taken, 'float32'), [-1, shape.at(-1) ?? 1])
        return [
          [`${name}/absolute`, tf.sum(tf.abs(flat), 0)],
          [`${name}/squares`, tf.sum(tf.square(flat), 0)],
          [`${name}/active`, tf.sum(tf.cast(tf.notEqual(flat, 0), 'float32'), 0)],
          [`${name}/count`, tf.scalar(flat.shape[0] ?? 0)],
        ] as const
      })
      return { outputs: Object.fromEntries(statistics) }
    },
  }
}

function collectInputs(
  session: Session,
  batches: readonly Int32Array[],
  layers: readonly string[],
): Record<string, InputStatistics> {
  const sums = new Map<string, { count: number } & Record<Statistic, Float64Array>>()
  for (const batch of batches) {
    const outputs = session.run(nameOf('inputs', batch.length), { rows: batch })
    for (const layer of layers) {
      const size = floats(outputs, `${layer}/absolute`).length
      const vector = () => new Float64Array(size)
      const sum = sums.get(layer) ?? { count: 0, absolute: vector(), squares: vector(), active: vector() }
      sums.set(layer, sum)
      sum.count += outputs[`${layer}/count`]?.[0] ?? 0
      for (const statistic of STATISTICS) {
        const values = floats(outputs, `${layer}/${statistic}`)
        for (let i = 0; i < size; i++) sum[statistic][i] = (sum[statistic][i] ?? 0) + (values[i] ?? 0)
      }
    }
  }
  return Object.fromEntries(sums)
}

const STATISTICS = ['absolute', 'squares', 'active'] as const
type Statistic = (typeof STATISTICS)[number]

/** Moving statistics stay what they are. Input: `ones`, one example. */
function flowSignature({ model }: StepParts, names: readonly string[]): SignatureSpec {
  const shape = [1, ...(model.layers[0]?.inputShapes[0] ?? [])]
  const params = Object.keys(model.parameters)
  return {
    inputs: { ones: { shape, dtype: 'float32' } },
    step: ({ state, inputs }) => {
      const isId = state['data/features']?.dtype === 'int32'
      const ones = isId ? tf.cast(tensorAt(inputs, 'ones'), 'int32') : tensorAt(inputs, 'ones')
      const moments = Object.fromEntries(Object.keys(model.moments).map((name) => [name, tensorAt(state, name)]))
      const flow = (...values: Tensor[]): Scalar => {
        const absolute = Object.fromEntries(params.map((name, index) => [name, values[index] ?? tf.scalar(0)]))
        return tf.sum(model.apply({ ...absolute, ...moments }, ones))
      }
      const grads = tf.grads(flow)(params.map((name) => tf.abs(tensorAt(state, name))))
      const byName = Object.fromEntries(params.map((name, index) => [name, grads[index] ?? tf.scalar(0)]))
      return { outputs: Object.fromEntries(names.map((name) => [name, tf.reshape(tensorAt(byName, name), [-1])])) }
    },
  }
}

function weightsOf(model: StepParts['model'], state: Tensors): Tensors {
  const names = [...Object.keys(model.parameters), ...Object.keys(model.moments)]
  return Object.fromEntries(names.map((name) => [name, tensorAt(state, name)]))
}

function floats(outputs: Outputs, name: string): Float32Array {
  const values = outputs[name]
  if (!(values instanceof Float32Array)) throw new Error(`a calibration pass gave no '${name}'`)
  return values
}
