import type { FastifyRequest } from 'fastify'
import { makeId } from '../contracts/ids.js'
import { LayersModel } from '../contracts/model.js'
import type { UploadedModel } from '../contracts/model-upload.js'
import { parse } from '../contracts/parse.js'
import type { EspalierError } from '../errors.js'
import { FormatError } from '../formats/format-error.js'
import { encodeSafetensors } from '../formats/safetensors.js'
import { readKerasTopology } from '../model-files/model-file.js'
import { readModelFile } from '../model-files/read-model-file.js'
import { describeLayers } from '../planning/shapes.js'
import type { AppContext } from './context.js'
import { fieldProblem } from './field-problem.js'
import { idempotencyOf } from './idempotency.js'
import type { ModelUpload } from './routes/models-form.js'

const MAX_DETAIL = 1000

type Context = Pick<AppContext, 'models' | 'store' | 'maxUploadBytes'>

/**
 * Everything is read and checked in memory; then the object, then the row. Whatever keeps the row from coming into being, a replay included, takes the object away again.
 * @throws MODEL_FILE_INVALID, IDEMPOTENCY_MISMATCH
 */
export async function createModel(
  { models, store, maxUploadBytes }: Context,
  request: FastifyRequest,
  { name, topology, file }: ModelUpload,
): Promise<{ model: UploadedModel; replayed: boolean }> {
  const layers = topology === null ? null : readTopology(topology)
  const read = await readModelFile(file, layers, maxUploadBytes).catch((error: unknown) => {
    throw error instanceof FormatError ? invalid('/file', shortened(error.message)) : error
  })
  const { format, weights } = read
  const model: LayersModel = { kind: 'layers', inputShape: read.model.inputShape, layers: read.model.layers }
  const parameters = describeLayers(read.model).reduce((sum, layer) => sum + layer.parameters, 0)
  const id = makeId('mdl')
  const key = `models/${id}.safetensors`
  const stored = await store.put(key, encodeSafetensors(weights))
  try {
    const content = { name, format, model, sha256: stored.sha256 }
    const row = { id, name, format, model, parameters, key, ...stored }
    const created = await models.create(request.projectId, row, idempotencyOf(request, content))
    if (created.replayed) await store.delete(key)
    return created
  } catch (error) {
    await store.delete(key).catch(() => undefined)
    throw error
  }
}

/** Layers as we have them, or a model of Keras. */
function readTopology(text: string): LayersModel {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw invalid('/topology', 'is not JSON')
  }
  if (typeof value === 'object' && value !== null && Object.hasOwn(value, 'class_name')) {
    try {
      const { inputShape, layers } = readKerasTopology(value).model
      return { kind: 'layers', inputShape, layers }
    } catch (error) {
      throw error instanceof FormatError ? invalid('/topology', error.message) : error
    }
  }
  refuseOthers(value)
  const parsed = parse(LayersModel, value)
  if (parsed.ok) return parsed.value
  throw fieldProblem(
    'MODEL_FILE_INVALID',
    parsed.errors.map(({ pointer, detail }) => ({ pointer: `/topology${pointer}`, detail })),
  )
}

/** A model of a spec that is not its layers, and a report with all that is around the model. */
function refuseOthers(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  const { kind, model }: { kind?: unknown; model?: unknown } = value
  if (typeof kind === 'string' && kind !== 'layers')
    throw invalid(
      '/topology/kind',
      `must be "layers", is ${JSON.stringify(kind.slice(0, 80))}: give the layers themselves, or what model.to_json() of Keras gives; those of a preset are \`model\` in the report.json of a job with it`,
    )
  if (kind === undefined && typeof model === 'object' && model !== null)
    throw invalid('/topology', 'has the layers in `model`: send only what is in there')
}

/** Names in files may be of any length. */
function shortened(text: string): string {
  return text.length > MAX_DETAIL ? `${text.slice(0, MAX_DETAIL)}…` : text
}

function invalid(pointer: string, detail: string): EspalierError {
  return fieldProblem('MODEL_FILE_INVALID', [{ pointer, detail }])
}
