import type { Multipart, MultipartFile } from '@fastify/multipart'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { readTable } from '../../datasets/csv.js'
import type { DatasetDraft } from '../../datasets/draft.js'
import { tableToDataset } from '../../datasets/table-dataset.js'
import { readText, textToDataset } from '../../datasets/text.js'
import { EspalierError } from '../../errors.js'
import { fieldProblem } from '../field-problem.js'
import { formProblem, readTableFields, readTextFields } from './datasets-form.js'

type Fields = Readonly<Record<string, unknown>>
/** What a file becomes once all fields are known: they may come after it. */
type Finish = (fields: Fields) => DatasetDraft

/**
 * A multipart upload: one `file`, a table or a text, and its fields before or after it.
 * @throws REQUEST_INVALID for a missing or second file or a wrong field, DATASET_INVALID for what is in the file, BODY_TOO_LARGE
 */
export async function readUpload(request: FastifyRequest, maxBytes: number): Promise<DatasetDraft> {
  const fields: Record<string, unknown> = {}
  let finish: Finish | null = null
  for await (const part of partsOf(request)) {
    if (part.type === 'field') addField(fields, part.fieldname, part.value)
    else if (part.fieldname !== 'file' || finish) {
      part.file.resume()
      throw formProblem([{ pointer: '/file', detail: 'is the one part that may be a file, once' }])
    } else finish = await readWhole(part, maxBytes)
  }
  if (!finish) {
    // A wrong field is told before the missing file.
    readTableFields(fields)
    throw formProblem([{ pointer: '/file', detail: 'is required: a CSV file, or a text file' }])
  }
  return finish(fields)
}

/** @param maxBytes What this service takes at most. */
export function fileTooLarge(maxBytes: number): EspalierError {
  return fieldProblem('BODY_TOO_LARGE', [{ pointer: '/file', detail: `may have ${maxBytes} bytes at most` }])
}

/**
 * Before the body is read; the connection ends, for the client may be about to send all of it.
 * @param formBytes What the form may have around its file.
 * @throws BODY_TOO_LARGE
 */
export function refuseTooLarge(
  request: FastifyRequest,
  reply: FastifyReply,
  maxBytes: number,
  formBytes: number,
): void {
  if (Number(request.headers['content-length'] ?? 0) <= maxBytes + formBytes) return
  reply.header('connection', 'close')
  throw fileTooLarge(maxBytes)
}

async function* partsOf(request: FastifyRequest): AsyncGenerator<Multipart> {
  try {
    yield* request.parts()
  } catch (error) {
    throw asFormFault(error)
  }
}

/** A file that is cut off at the limit is too large, whatever is wrong with its last row. */
async function readWhole(part: MultipartFile, maxBytes: number): Promise<Finish> {
  const { file } = part
  const finish = await (isText(part) ? readTextFile(part) : readTableFile(part)).catch((error: unknown) => {
    throw file.truncated ? fileTooLarge(maxBytes) : asFormFault(error)
  })
  if (file.truncated) throw fileTooLarge(maxBytes)
  return finish
}

async function readTableFile({ file, filename }: MultipartFile): Promise<Finish> {
  const table = await readTable(file)
  const fileName = safeFileName(filename, 'upload.csv')
  return (fields) => tableToDataset(table, { name: fileName, ...readTableFields(fields), fileName })
}

async function readTextFile({ file, filename }: MultipartFile): Promise<Finish> {
  const text = await readText(file)
  const fileName = safeFileName(filename, 'upload.txt')
  return (fields) => textToDataset(text, { name: fileName, ...readTextFields(fields), source: `upload:${fileName}` })
}

/** Clients that know no better call a CSV file `text/plain`. */
function isText({ filename, mimetype }: MultipartFile): boolean {
  return /\.txt$/i.test(filename) || (mimetype === 'text/plain' && !/\.csv$/i.test(filename))
}

/** What the parser of forms has to say against a form is the client's fault, but it comes as an Error without a code. */
function asFormFault(error: unknown): unknown {
  const isPlain = error instanceof Error && error.constructor === Error && !('code' in error)
  if (!isPlain) return error
  return new EspalierError('REQUEST_INVALID', `the form cannot be read: ${error.message}`, [], { cause: error })
}

function addField(fields: Record<string, unknown>, name: string, value: unknown): void {
  if (Object.hasOwn(fields, name)) throw formProblem([{ pointer: `/${name}`, detail: 'is given twice' }])
  fields[name] = value
}

/** A client may call its file what it likes; folders and control characters go. */
function safeFileName(name: string | undefined, otherwise: string): string {
  const base = name?.split(/[/\\]/).at(-1) ?? ''
  return base.replace(/\p{Cc}/gu, '').slice(0, 200) || otherwise
}
