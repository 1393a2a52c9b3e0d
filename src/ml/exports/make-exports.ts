import type { ExportFormat } from '../../contracts/export-format.js'
import type { LossName } from '../../contracts/loss.js'
import type { StoredTensors } from '../../formats/safetensors.js'
import type { NamedModel } from '../../planning/presets.js'
import type { Artifact, ExportedWeights } from '../export.js'
import { buildModel } from '../models/model.js'
import type { ModelCard } from './card.js'
import { type FreeTrace, traceFreely } from './free-batch.js'
import { encodeKeras } from './keras-archive.js'
import { encodeOnnx } from './onnx.js'
import { quantized } from './quantization.js'
import { encodeSavedModel } from './saved-model.js'
import { encodeTfjs, TFJS_WEIGHTS } from './tfjs.js'

export interface ExportInput {
  readonly model: NamedModel
  readonly weights: StoredTensors
  readonly exported: ExportedWeights
  /** The input are ids. */
  readonly isId: boolean
  readonly card: ModelCard
}

const BINARY = 'application/octet-stream'
const ZIP = 'application/zip'
/** It takes no logits: the last activation stays in the model. */
const OUTPUT_LOSS: LossName = 'mean-squared-error'

type Make = (input: ExportInput, trace: () => FreeTrace) => Promise<Artifact[]> | Artifact[]

const FORMATS = {
  safetensors: ({ exported }) => [{ name: 'weights.safetensors', mediaType: BINARY, bytes: exported.dense }],
  sparse: ({ exported }) => [{ name: 'weights.sparse', mediaType: BINARY, bytes: exported.sparse }],
  float16: ({ weights }) => [
    { name: 'weights-float16.safetensors', mediaType: BINARY, bytes: quantized(weights, 'float16').bytes },
  ],
  int8: ({ weights }) => [
    { name: 'weights-int8.safetensors', mediaType: BINARY, bytes: quantized(weights, 'int8').bytes },
  ],
  keras: async ({ model, weights, isId, card }) => [
    { name: 'model.keras', mediaType: ZIP, bytes: await encodeKeras(model, weights, isId, card) },
  ],
  tfjs: ({ model, weights, isId, card }) => {
    const { json, weights: bytes } = encodeTfjs(model, weights, isId, card)
    return [
      { name: 'tfjs-model.json', mediaType: 'application/json', bytes: json },
      { name: TFJS_WEIGHTS, mediaType: BINARY, bytes },
    ]
  },
  'saved-model': ({ card }, trace) => [
    { name: 'saved-model.zip', mediaType: ZIP, bytes: encodeSavedModel(trace(), card) },
  ],
  onnx: ({ card }, trace) => [{ name: 'model.onnx', mediaType: BINARY, bytes: encodeOnnx(trace(), card) }],
} satisfies Record<ExportFormat, Make>

/** The files of these formats. The same weights give the same bytes. */
export async function makeExports(formats: readonly ExportFormat[], input: ExportInput): Promise<Artifact[]> {
  let traced: FreeTrace | null = null
  const trace = () => {
    traced ??= traceFreely(buildModel(input.model, OUTPUT_LOSS), input.weights, input.isId)
    return traced
  }
  const artifacts: Artifact[] = []
  for (const format of formats) {
    const make: Make = FORMATS[format]
    artifacts.push(...(await make(input, trace)))
  }
  return artifacts
}
