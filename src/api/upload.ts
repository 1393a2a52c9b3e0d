import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { parse } from '../contracts/parse.js'
import { readTable, type Table } from '../datasets/csv.js'
import type { DatasetDraft } from '../datasets/draft.js'
import { tableToDataset } from '../datasets/table-dataset.js'
import { problem } from '../errors.js'

const UploadFields = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    target: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    task: Type.Optional(Type.Enum(['classes', 'number'])),
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
export async function readUpload(request: FastifyRequest): Promise<DatasetDraft> {
  const fields: Record<string, unknown> = {}
  let table: Table | null = null
  let fileName = ''
  for await (const part of request.parts()) {
    if (part.type === 'field') fields[part.fieldname] = part.value
    else if (part.fieldname !== 'file' || table) {
      part.file.resume()
      throw problem('REQUEST_INVALID', `send one file, in the part 'file' (got '${part.fieldname}')`)
    } else {
      fileName = part.filename
      table = await readTable(part.file)
      if (part.file.truncated) throw problem('BODY_TOO_LARGE', 'the file is larger than this service takes')
    }
  }
  const parsed = parse(UploadFields, fields)
  if (!parsed.ok)
    throw problem(
      'REQUEST_INVALID',
      `field ${parsed.errors[0]?.pointer.slice(1)} ${parsed.errors[0]?.detail}`,
      parsed.errors,
    )
  if (!table)
    throw problem('REQUEST_INVALID', "the part 'file' is missing", [{ pointer: '/file', detail: 'is required' }])
  const { name = fileName || 'upload', target, task } = parsed.value
  return tableToDataset(table, { name, fileName, target, task })
}
