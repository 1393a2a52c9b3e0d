import { Problem } from '../contracts/problem.js'

/** RFC 9110's words; Node's own differ between its versions, and the contract must not. */
const REASONS = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  422: 'Unprocessable Content',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
} as const
type ProblemStatus = keyof typeof REASONS

/** Response schemas of the errors that a route can answer with. Those of the API key and of the service itself come everywhere. */
export function problems(...statuses: ProblemStatus[]) {
  const all = [...new Set<ProblemStatus>([...statuses, 401, 403, 500, 503])].sort((a, b) => a - b)
  return Object.fromEntries(all.map((status) => [status, problemResponse(status)]))
}

/** For public routes. */
export function publicProblems(...statuses: ProblemStatus[]) {
  return Object.fromEntries(statuses.map((status) => [status, problemResponse(status)]))
}

function problemResponse(status: ProblemStatus) {
  return {
    description: REASONS[status],
    content: { 'application/problem+json': { schema: Problem } },
  }
}

/** A body of bytes or text that no schema describes. */
export function raw(description: string, mediaType: string) {
  return { description, content: { [mediaType]: { schema: { type: 'string', format: 'binary' } } } }
}
