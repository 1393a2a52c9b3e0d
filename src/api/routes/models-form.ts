import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { EspalierError, problem } from '../../errors.js'
import { fieldProblem } from '../field-problem.js'
import { formProblem } from './datasets-form.js'

export const MAX_TOPOLOGY_BYTES = 1024 * 1024

/** A form as the description of the interface has it. */
export const ModelForm = Type.Object({
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Default: the name of the file' })),
  topology: Type.Optional(
    Type.String({
      description:
        'Only of safetensors, as JSON: a model of kind layers, as `model` of the report.json of a job has it, or what `model.to_json()` of Keras gives',
    }),
  ),
  file: Type.String({ format: 'binary', description: '.keras, a zip of a TensorFlow.js layers model, or safetensors' }),
})

export interface ModelUpload {
  readonly name: string
  readonly topology: string | null
  readonly file: Uint8Array
}

/** @throws REQUEST_INVALID for a wrong, second or missing part, BODY_TOO_LARGE, MEDIA_TYPE_UNSUPPORTED */
export async function readModelForm(request: FastifyRequest): Promise<ModelUpload> {
  if (!request.isMultipart()) throw problem('MEDIA_TYPE_UNSUPPORTED', 'send the file as multipart/form-data')
  const fields = new Map<string, string>()
  let file: { bytes: Uint8Array; name: string } | null = null
  try {
    for await (const part of request.parts()) {
      if (part.type === 'file') {
        if (part.fieldname !== 'file' || file) {
          part.file.resume()
          throw formProblem([{ pointer: `/${part.fieldname}`, detail: notAFile(part.fieldname) }])
        }
        file = { bytes: await part.toBuffer(), name: part.filename }
      } else {
        const pointer = `/${part.fieldname}`
        if (!['name', 'topology'].includes(part.fieldname))
          throw formProblem([{ pointer, detail: 'unknown field; expected one of: name, topology, file' }])
        if (fields.has(part.fieldname)) throw formProblem([{ pointer, detail: 'is given twice' }])
        if (part.valueTruncated)
          throw fieldProblem('BODY_TOO_LARGE', [{ pointer, detail: `may have ${MAX_TOPOLOGY_BYTES} bytes at most` }])
        // A part of type application/json comes parsed.
        fields.set(part.fieldname, typeof part.value === 'string' ? part.value : JSON.stringify(part.value))
      }
    }
  } catch (error) {
    const isPlain = error instanceof Error && error.constructor === Error && !('code' in error)
    if (!isPlain) throw error
    throw new EspalierError('REQUEST_INVALID', `the form cannot be read: ${error.message}`, [], { cause: error })
  }
  if (!file) throw formProblem([{ pointer: '/file', detail: 'is required: the model' }])
  const name = fields.get('name') ?? file.name?.split(/[/\\]/).at(-1) ?? ''
  const clean = name.replace(/\p{Cc}/gu, '').slice(0, 200)
  return { name: clean || 'model', topology: fields.get('topology') ?? null, file: file.bytes }
}

/** Of another part that is sent as a file. */
function notAFile(field: string): string {
  if (field === 'file') return 'is given twice'
  if (field === 'topology') return "is text: send it with < and not @, as in -F 'topology=<topology.json'"
  return 'is text, and only file is sent as a file'
}
