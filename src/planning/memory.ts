import type { OptimizerSpec } from '../contracts/optimizer.js'
import type { TrainingJobSpec } from '../contracts/training-job.js'
import type { Finding } from './checks.js'
import { type LayerDescription, sizeOf } from './shapes.js'

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
  /** Weights, their gradients, optimizer slots and masks. */
  readonly weights: number
  readonly total: number
}

/** Memory that training takes, in bytes, without the dataset. `trainRows` bounds the batch. */
export function estimateMemory(
  spec: TrainingJobSpec,
  layers: readonly LayerDescription[],
  trainRows: number,
): MemoryEstimate {
  const parameters = layers.reduce((sum, layer) => sum + layer.parameters, 0)
  const copies = 2 + slotsOf(spec.optimizer) + (spec.pruning ? 1 : 0)
  const weights = parameters * FLOAT_BYTES * copies
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
  const need = `training would take about ${inGib(total)}: ${inGib(weights)} for the weights and ${inGib(total - weights)} for a batch of ${batch}; at most ${inGib(MAX_MEMORY_BYTES)} are allowed`
  const code = 'SPEC_OUT_OF_RANGE'
  return fitting >= 1
    ? [{ code, pointer: '/batchSize', detail: `${need}; a batch of ${fitting} would fit` }]
    : [{ code, pointer: '/model', detail: `${need}; not even a batch of 1 would fit` }]
}

/** Of one example: the input and the output of every layer. */
function activationBytes(layers: readonly LayerDescription[]): number {
  const input = sizeOf(layers[0]?.inputShape ?? [])
  return FLOAT_BYTES * layers.reduce((sum, { outputShape }) => sum + sizeOf(outputShape), input)
}

/** A batch larger than the data holds all of it. */
function largestBatch({ batchSize }: TrainingJobSpec, trainRows: number): number {
  return Math.max(1, Math.min(batchSize, trainRows))
}

/** Numbers that the optimizer keeps for each weight. */
function slotsOf(optimizer: OptimizerSpec): number {
  if (optimizer.kind === 'adam') return 2
  return optimizer.momentum > 0 ? 1 : 0
}

function inGib(bytes: number): string {
  return `${(bytes / GIB).toFixed(2)} GiB`
}
