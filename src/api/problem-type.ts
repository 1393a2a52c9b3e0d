import type { ErrorCode } from '../errors.js'

export const PROBLEM_TYPES_PATH = '/docs/problems'

/** `JOB_NOT_FOUND` → `job-not-found` */
export function anchorOf(code: string): string {
  return code.toLowerCase().replaceAll('_', '-')
}

/** URI reference that names the kind of a problem and leads to its explanation. */
export function problemTypeOf(code: ErrorCode): string {
  return `${PROBLEM_TYPES_PATH}#${anchorOf(code)}`
}
