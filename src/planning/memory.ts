import type { TrainingJobSpec } from '../contracts/training-job-spec.js'
import type { Finding } from './checks.js'
import { sizeOf } from './shape.js'
import type { LayerDescription } from './shapes.js'
import { copiesOf } from './slots.js'

const FLOAT_BYTES = 4
const GIB = 2 ** 30
/** Jobs that are estimated to need more are refused. */
const MAX_MEMORY_BYTES = 8 * GIB
/** What an evaluation batch may take: large enough to keep the cores busy. */
const EVALUATION_BYTES = GIB / 2
/** Small enough that a stop request is seen within a fraction of a second. */
const MAX_EVALUATION_BATCH = 1000
/** Outputs of the forward pass, gradients by them, and the workspace of the operations. */
const COPIES_OF_ACTIVATIONS = 3

/** Bytes of an estimate: `total` = batch · `perExample` + `weights`. */
interface MemoryEstimate {
  /** Of one example of a training batch. */
  readonly perExample: number
  /** Weights, their gradients, optimizer slots and masks; moving statistics. */
  readonly weights: number
  readonly total: number
}

/** Memory that training takes, in bytes, without the dataset. `trainRows` bounds the batch. */
export function estimateMemory(
  spec: TrainingJobSpec,
  layers: readonly LayerDescription[],
  trainRows: number,
): MemoryEstimate {
  // Moving statistics have a new value beside the old, and nothing else.
  const numbers = parametersOf(layers) * copiesOf(spec) + 2 * statisticsOf(layers)
  const weights = FLOAT_BYTES * numbers
  const perExample = activationBytes(layers) * COPIES_OF_ACTIVATIONS
  return { perExample, weights, total: largestBatch(spec, trainRows) * perExample + weights }
}

/** Examples that are evaluated at once. It depends on the model alone, since the rounding of the means depends on it. */
export function evaluationBatch(layers: readonly LayerDescription[]): number {
  const fitting = Math.floor(EVALUATION_BYTES / activationBytes(layers))
  return Math.min(Math.max(fitting, 1), MAX_EVALUATION_BATCH)
}

export function checkMemory(
  spec: TrainingJobSpec,
  layers: readonly LayerDescription[],
  trainRows: number,
): readonly Finding[] {
  const { perExample, weights, total } = estimateMemory(spec, layers, trainRows)
  if (total <= MAX_MEMORY_BYTES) return []
  const batch = largestBatch(spec, trainRows)
  const fitting = Math.floor((MAX_MEMORY_BYTES - weights) / perExample)
  const activations = activationBytes(layers) / FLOAT_BYTES
  const need = `training would take about ${inGib(total)}: ${inGib(weights)} for ${parametersOf(layers)} weights, their gradients and what the optimizer keeps of them, and ${inGib(total - weights)} for the ${activations} activations an example of a batch of ${batch}; at most ${inGib(MAX_MEMORY_BYTES)} are allowed`
  const code = 'SPEC_OUT_OF_RANGE'
  return fitting >= 1
    ? [{ code, pointer: '/batchSize', detail: `${need}; a batch of ${fitting} would fit` }]
    : [{ code, pointer: '/model', detail: `${need}; not even a batch of 1 would fit: take a smaller model` }]
}

function parametersOf(layers: readonly LayerDescription[]): number {
  return layers.reduce((sum, { parameters }) => sum + parameters, 0)
}

function statisticsOf(layers: readonly LayerDescription[]): number {
  const still = layers.flatMap(({ weights }) => Object.values(weights).filter(({ trainable }) => !trainable))
  return still.reduce((sum, { shape }) => sum + sizeOf(shape), 0)
}

/** Of one example: the input, the output of every layer, and what layers with a state keep of each step of time. */
function activationBytes(layers: readonly LayerDescription[]): number {
  const input = sizeOf(layers[0]?.inputShapes[0] ?? [])
  const numbers = layers.reduce((sum, layer) => sum + sizeOf(layer.outputShape) + keptOverTime(layer), input)
  return FLOAT_BYTES * numbers
}

/** Numbers that the backward pass of a recurrent layer needs: in each step the gates, and the state. */
function keptOverTime({ inputShapes, weights }: LayerDescription): number {
  const [time = 0] = inputShapes[0]
  const states = Object.entries(weights).filter(([name]) => name.endsWith('recurrent-kernel'))
  return states.reduce((sum, [, { shape }]) => sum + time * ((shape[0] ?? 0) + (shape[1] ?? 0)), 0)
}

/** A batch larger than the data holds all of it. */
function largestBatch({ batchSize }: TrainingJobSpec, trainRows: number): number {
  return Math.max(1, Math.min(batchSize, trainRows))
}

function inGib(bytes: number): string {
  return `${(bytes / GIB).toFixed(2)} GiB`
}
