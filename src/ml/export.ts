import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import type { DatasetSchema } from '../contracts/dataset.js'
import { takesLogits } from '../contracts/loss.js'
import type { LayersModel } from '../contracts/model.js'
import type { PruningReport } from '../contracts/pruning-report.js'
import type { JobResult } from '../contracts/training-job.js'
import { encodeSafetensors, type StoredTensor, type StoredTensors } from '../formats/safetensors.js'
import { encodeSparse } from '../formats/sparse.js'
import type { PlannedSpec } from '../planning/planned-spec.js'
import type { NamedModel } from '../planning/presets.js'
import type { LayerDescription } from '../planning/shapes.js'
import type { Normalization } from '../planning/starting-point.js'

export interface Artifact {
  readonly name: string
  readonly mediaType: string
  readonly bytes: Uint8Array
}

export interface ExportedWeights {
  readonly dense: Uint8Array
  readonly sparse: Uint8Array
  /** Measured; gzip at its default level over the dense file. */
  readonly bytes: JobResult['bytes']
  /** Hex, of the dense file. */
  readonly sha256: string
}

/** The weights as files. The same weights give the same bytes: nothing in them depends on the time or the machine. */
export function exportWeights(weights: StoredTensors): ExportedWeights {
  const clean = Object.fromEntries(Object.entries(weights).map(([name, tensor]) => [name, withoutNegativeZero(tensor)]))
  const dense = encodeWeights(clean)
  const sparse = encodeSparse(clean)
  return {
    dense,
    sparse,
    bytes: { dense: dense.byteLength, gzip: gzipSync(dense).byteLength, sparse: sparse.byteLength },
    sha256: sha256(dense),
  }
}

/** Measured: the dense file, the same gzipped, and the sparse container. */
export function fileBytes(weights: StoredTensors): PruningReport['bytes']['delivered'] {
  const { dense: raw, ...packed } = exportWeights(weights).bytes
  return { raw, ...packed }
}

/** Weights as safetensors. */
export function encodeWeights(weights: StoredTensors): Uint8Array {
  return encodeSafetensors(weights, { format: 'espalier-weights', version: '1' })
}

/** A weight removed while negative is −0; as +0 it compresses better, and nothing that is computed from it changes. */
function withoutNegativeZero(tensor: StoredTensor): StoredTensor {
  return {
    ...tensor,
    values: tensor.values instanceof Float32Array ? tensor.values.map((value) => value + 0) : tensor.values,
  }
}

/** What somebody needs to use the weights, and to know how they came to be. */
export function makeReport(input: {
  spec: PlannedSpec
  schema: DatasetSchema
  model: NamedModel
  /** The finished model that the job started from. */
  start: LayersModel | null
  layers: readonly LayerDescription[]
  normalization: Normalization | null
  result: JobResult
  artifacts: readonly Artifact[]
}): Artifact {
  const { spec, schema, model, start, layers, normalization, result, artifacts } = input
  const report = {
    format: 'espalier-report',
    version: 1,
    spec,
    dataset: schema,
    preprocessing: {
      description: normalization
        ? 'x = (raw − mean) / deviation, by the last axis of an example; then reshaped to inputShape, row-major'
        : 'x = raw, reshaped to inputShape, row-major',
      normalization,
      inputShape: model.inputShape,
    },
    output: meaningOfOutputs(spec, schema, layers),
    model: { kind: 'layers', inputShape: model.inputShape, layers: model.layers },
    layers,
    ...(start ? { start } : {}),
    result,
    files: artifacts.map(({ name, bytes }) => ({ name, bytes: bytes.byteLength, sha256: sha256(bytes) })),
  }
  const text = `${JSON.stringify(report, null, 2)}\n`
  return { name: 'report.json', mediaType: 'application/json', bytes: new TextEncoder().encode(text) }
}

/** What the numbers that the model gives stand for. */
function meaningOfOutputs(
  { loss }: PlannedSpec,
  { target }: DatasetSchema,
  layers: readonly LayerDescription[],
): string {
  const activation = takesLogits(loss)
  const isOne = target.kind === 'classes' && layers.at(-1)?.outputShape.join() === '1'
  if (activation === 'softmax')
    return 'logits: softmax gives the probabilities, in the order of the names or the vocabulary of dataset.target'
  if (isOne)
    return activation === 'sigmoid'
      ? 'a logit: sigmoid gives the probability of the second of dataset.target.names'
      : 'a score: above 0 it says the second of dataset.target.names'
  return activation === 'sigmoid'
    ? 'logits: sigmoid gives the probability of each label, in the order of dataset.target.names'
    : 'the predicted numbers'
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
