import type { FieldError } from './contracts/parse.js'

interface Entry {
  readonly status: number
  readonly title: string
  readonly retryable: boolean
}

/** Every error a client can meet, by stable code. A code is never reused for another meaning. */
export const CATALOGUE = {
  REQUEST_INVALID: { status: 400, title: 'The request is not valid', retryable: false },
  JSON_MALFORMED: { status: 400, title: 'The body is not JSON', retryable: false },
  CURSOR_INVALID: { status: 400, title: 'The cursor is not one that this list gave out', retryable: false },
  UNAUTHENTICATED: { status: 401, title: 'A valid API key is needed', retryable: false },
  FORBIDDEN: { status: 403, title: 'The API key lacks the scope for this', retryable: false },
  ROUTE_NOT_FOUND: { status: 404, title: 'No such route', retryable: false },
  JOB_NOT_FOUND: { status: 404, title: 'No such training job', retryable: false },
  DATASET_NOT_FOUND: { status: 404, title: 'No such dataset', retryable: false },
  MODEL_NOT_FOUND: { status: 404, title: 'No such model', retryable: false },
  ARTIFACT_NOT_FOUND: { status: 404, title: 'No such artifact', retryable: false },
  REPORT_NOT_MADE: { status: 404, title: 'The job ended without this report', retryable: false },
  REPORT_NOT_READY: { status: 404, title: 'The job has not made this report yet', retryable: true },
  METHOD_NOT_ALLOWED: { status: 405, title: 'The route has no such method', retryable: false },
  JOB_STATE_CONFLICT: { status: 409, title: 'The job is in a status that does not allow this', retryable: false },
  DATASET_IN_USE: { status: 409, title: 'Jobs that are not finished use the dataset', retryable: true },
  MODEL_IN_USE: { status: 409, title: 'Jobs that are not finished start from the model', retryable: true },
  BODY_TOO_LARGE: { status: 413, title: 'The body is too large', retryable: false },
  MEDIA_TYPE_UNSUPPORTED: { status: 415, title: 'The content type is not supported', retryable: false },
  RANGE_UNSATISFIABLE: { status: 416, title: 'The range lies outside of the file', retryable: false },
  SPEC_INVALID: { status: 422, title: 'The training job spec is not valid', retryable: false },
  SPEC_OUT_OF_RANGE: {
    status: 422,
    title: 'Numbers in the spec are out of range; nothing else is wrong with it',
    retryable: false,
  },
  DATASET_INVALID: { status: 422, title: 'The data cannot be used', retryable: false },
  MODEL_FILE_INVALID: { status: 422, title: 'The file is no model that can be taken over', retryable: false },
  IDEMPOTENCY_MISMATCH: { status: 422, title: 'The idempotency key was used with another request', retryable: false },
  OBJECT_MISSING: { status: 500, title: 'A stored file is not in the object store', retryable: false },
  INTERNAL: { status: 500, title: 'Something went wrong here', retryable: true },
  UNAVAILABLE: { status: 503, title: 'A part of the service is out of reach', retryable: true },
  // Codes of failed jobs: they come in `failure.code`, not as an HTTP status.
  NON_FINITE_GRADIENT: { status: 422, title: 'A gradient became NaN or infinite', retryable: false },
  DIVERGED: { status: 422, title: 'The weights or an evaluation became NaN or infinite', retryable: false },
  ENGINE_MISSING: { status: 503, title: 'The training engine is not installed', retryable: false },
  ENGINE_FAILED: { status: 500, title: 'The training engine reported an error', retryable: false },
  WORKER_SHUTDOWN: { status: 503, title: 'The worker was shut down; the job is queued again', retryable: true },
  STORAGE_UNAVAILABLE: {
    status: 503,
    title: 'The database was out of reach; the job is queued again',
    retryable: true,
  },
  TRAINER_DIED: { status: 500, title: 'The trainer process ended unexpectedly', retryable: true },
  TIME_LIMIT: { status: 422, title: 'The job ran longer than limits.maxSeconds', retryable: false },
  DATASET_MISSING: { status: 500, title: 'The stored data of the dataset are not there', retryable: false },
  MODEL_INVALID: { status: 500, title: 'The stored model that the job starts from cannot be used', retryable: false },
  CHECKPOINT_INVALID: { status: 500, title: 'A checkpoint cannot be read', retryable: false },
} as const satisfies Record<string, Entry>

export type ErrorCode = keyof typeof CATALOGUE

export class EspalierError extends Error {
  override readonly name = 'EspalierError'
  readonly status: number
  readonly title: string
  readonly retryable: boolean

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly errors: readonly FieldError[] = [],
    options?: ErrorOptions,
  ) {
    super(message, options)
    const entry = CATALOGUE[code]
    this.status = entry.status
    this.title = entry.title
    this.retryable = entry.retryable
  }
}

/** `detail` says what happened and how to fix it; `errors` points to the fields at fault. */
export function problem(code: ErrorCode, detail: string, errors: readonly FieldError[] = []): EspalierError {
  return new EspalierError(code, detail, errors)
}
