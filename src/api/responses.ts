import { STATUS_CODES } from 'node:http'
import { Problem } from '../contracts/problem.js'

type ProblemStatus = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 416 | 422 | 500 | 503

/** Response schemas of the errors that a route can answer with. Those of the API key and of the service itself come everywhere. */
export function problems(...statuses: ProblemStatus[]) {
  const all = [...new Set([...statuses, 401, 403, 500, 503])].sort((a, b) => a - b)
  return Object.fromEntries(all.map((status) => [status, problemResponse(status)]))
}

/** For public routes. */
export function publicProblems(...statuses: ProblemStatus[]) {
  return Object.fromEntries(statuses.map((status) => [status, problemResponse(status)]))
}

function problemResponse(status: number) {
  return {
    description: STATUS_CODES[status] ?? 'Error',
    content: { 'application/problem+json': { schema: Problem } },
  }
}

/** A body of bytes or text that no schema describes. */
export function raw(description: string, mediaType: string) {
  return { description, content: { [mediaType]: { schema: { type: 'string', format: 'binary' } } } }
}
