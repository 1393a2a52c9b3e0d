import { type ErrorCode, EspalierError, problem } from '../errors.js'
import { ObjectMissingError } from '../storage/object-store.js'

/** Errors of Fastify and its plugins by their code; the others come from here and have a code of the catalogue already. */
const FRAMEWORK: Readonly<Record<string, { readonly code: ErrorCode; readonly detail: string }>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'MEDIA_TYPE_UNSUPPORTED',
    detail: 'send application/json (datasets may also come as multipart/form-data)',
  },
  FST_ERR_CTP_EMPTY_TYPE: { code: 'MEDIA_TYPE_UNSUPPORTED', detail: 'the Content-Type is empty' },
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'BODY_TOO_LARGE', detail: 'a JSON body may have 1 MiB' },
  FST_ERR_CTP_EMPTY_JSON_BODY: { code: 'JSON_MALFORMED', detail: 'the body is empty, the Content-Type says JSON' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    code: 'REQUEST_INVALID',
    detail: 'the body is not as long as its Content-Length says',
  },
  FST_REQ_FILE_TOO_LARGE: { code: 'BODY_TOO_LARGE', detail: 'the file is larger than this service takes' },
  FST_PARTS_LIMIT: { code: 'BODY_TOO_LARGE', detail: 'the form has too many parts' },
  FST_FILES_LIMIT: { code: 'REQUEST_INVALID', detail: 'the form has more than one file' },
  FST_FIELDS_LIMIT: { code: 'BODY_TOO_LARGE', detail: 'the form has too many fields' },
}
/** Codes of Prisma and of sockets that mean: the database cannot be reached or does not answer in time. */
const UNREACHABLE = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT'])

const OBJECT_MISSING =
  'the file was stored, and its object is not there: it was removed from the object store, or api and workers do not share one (ESPALIER_DATA)'

/** Whatever was thrown, as an error of the catalogue. Details of unknown errors stay in the log. */
export function toEspalierError(thrown: unknown): EspalierError {
  if (thrown instanceof EspalierError) return thrown
  if (thrown instanceof ObjectMissingError)
    return new EspalierError('OBJECT_MISSING', OBJECT_MISSING, [], { cause: thrown })
  const code = textOf(thrown, 'code')
  const known = FRAMEWORK[code]
  if (known) return new EspalierError(known.code, known.detail, [], { cause: thrown })
  const status = statusOf(thrown)
  if (status >= 400 && status < 500 && thrown instanceof Error)
    return new EspalierError('REQUEST_INVALID', thrown.message, [], { cause: thrown })
  if (UNREACHABLE.has(code) || UNREACHABLE.has(causeCodeOf(thrown)))
    return new EspalierError('UNAVAILABLE', 'the database is out of reach; try again', [], { cause: thrown })
  return problem('INTERNAL', 'the request could not be answered because of a fault in the service')
}

function textOf(value: unknown, member: 'code'): string {
  return typeof value === 'object' && value !== null && member in value ? String((value as { code: unknown }).code) : ''
}

function causeCodeOf(thrown: unknown): string {
  return thrown instanceof Error ? textOf(thrown.cause, 'code') : ''
}

function statusOf(thrown: unknown): number {
  return thrown instanceof Error && 'statusCode' in thrown && typeof thrown.statusCode === 'number'
    ? thrown.statusCode
    : 500
}
