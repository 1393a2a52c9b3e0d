import type { FieldError } from '../contracts/parse.js'
import { type ErrorCode, type EspalierError, problem } from '../errors.js'

/** A problem of one or more fields: its detail is what `errors` say, as `pointer: detail`. */
export function fieldProblem(code: ErrorCode, errors: readonly FieldError[], what = 'the body'): EspalierError {
  return problem(code, errors.map(({ pointer, detail }) => `${pointer || what}: ${detail}`).join('; '), errors)
}
