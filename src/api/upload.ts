import type { Readable } from 'node:stream'
import type { Multipart } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { type FieldError, parse } from '../contracts/parse.js'
import { readTable, type Table } from '../datasets/csv.js'
import type { DatasetDraft } from '../datasets/draft.js'
import { tableToDataset } from '../datasets/table-dataset.js'
import { EspalierError } from '../errors.js'
import { fieldProblem } from './field-problem.js'
import { findUnstorable } from './storable.js'

const UploadFields = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Default: the name of the file' })),
    target: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Its column; default the last' })),
    task: Type.Optional(
      Type.Enum(['classes', 'number'], {
        description: 'Default: text and whole numbers are class labels, other numbers are to be predicted as they are',
      }),
    ),
  },
  { additionalProperties: false },
)

/** How the form looks in the contract; the parts are read as a stream. */
export const DatasetUpload = Type.Object({
  ...UploadFields.properties,
  file: Type.String({ format: 'binary', description: 'CSV in UTF-8; the first line names the columns' }),
})

/**
 * A multipart upload: one `file`, and the fields `name`, `target` (default the last column) and `task`, before or after it.
 * @throws REQUEST_INVALID for a missing or second file or a wrong field, DATASET_INVALID for what is in the file, BODY_TOO_LARGE
 */
export async function readUpload(request: FastifyRequest, maxBytes: number): Promise<DatasetDraft> {
  const fields: Record<string, unknown> = {}
  let table: Table | null = null
  let fileName = ''
  for await (const part of partsOf(request)) {
    if (part.type === 'field') addField(fields, part.fieldname, part.value)
    else if (part.fieldname !== 'file' || table) {
      part.file.resume()
      throw rejection([{ pointer: '/file', detail: 'is the one part that may be a file, once' }])
    } else {
      fileName = safeFileName(part.filename)
      table = await readWhole(part.file, maxBytes)
    }
  }
  const unstorable = findUnstorable(fields)
  if (unstorable) throw rejection([unstorable])
  const parsed = parse(UploadFields, fields)
  if (!parsed.ok) throw rejection(parsed.errors.map(withFile))
  if (!table) throw rejection([{ pointer: '/file', detail: 'is required: a CSV file' }])
  const { name = fileName, target, task } = parsed.value
  return tableToDataset(table, { name, fileName, target, task })
}

async function* partsOf(request: FastifyRequest): AsyncGenerator<Multipart> {
  try {
    yield* request.parts()
  } catch (error) {
    throw asFormFault(error)
  }
}

/** @param maxBytes What this service takes at most. */
export function fileTooLarge(maxBytes: number): EspalierError {
  return fieldProblem('BODY_TOO_LARGE', [{ pointer: '/file', detail: `may have ${maxBytes} bytes at most` }])
}

/** A file that is cut off at the limit is too large, whatever is wrong with its last row. */
async function readWhole(file: Readable & { readonly truncated: boolean }, maxBytes: number): Promise<Table> {
  const tooLarge = () => fileTooLarge(maxBytes)
  const table = await readTable(file).catch((error: unknown) => {
    throw file.truncated ? tooLarge() : asFormFault(error)
  })
  if (file.truncated) throw tooLarge()
  return table
}

/** What the parser of forms has to say against a form is the client's fault, but it comes as an Error without a code. */
function asFormFault(error: unknown): unknown {
  const isPlain = error instanceof Error && error.constructor === Error && !('code' in error)
  if (!isPlain) return error
  return new EspalierError('REQUEST_INVALID', `the form cannot be read: ${error.message}`, [], { cause: error })
}

/** The file is no field, but it is a part of the form. */
function withFile({ pointer, detail }: FieldError): FieldError {
  return { pointer, detail: detail.replace(/^(unknown field; expected one of: .*)$/, '$1, file') }
}

function addField(fields: Record<string, unknown>, name: string, value: unknown): void {
  if (Object.hasOwn(fields, name)) throw rejection([{ pointer: `/${name}`, detail: 'is given twice' }])
  fields[name] = value
}

/** A client may call its file what it likes; folders and control characters go. */
function safeFileName(name: string | undefined): string {
  const base = name?.split(/[/\\]/).at(-1) ?? ''
  return base.replace(/\p{Cc}/gu, '').slice(0, 200) || 'upload.csv'
}

function rejection(errors: readonly FieldError[]): EspalierError {
  return fieldProblem('REQUEST_INVALID', errors, 'the form')
}
