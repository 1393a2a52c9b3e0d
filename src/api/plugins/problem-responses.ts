import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { makeId } from '../../contracts/ids.js'
import type { Problem } from '../../contracts/problem.js'
import { type EspalierError, problem } from '../../errors.js'
import { toEspalierError } from '../error-mapping.js'
import { problemTypeOf } from '../problem-type.js'

const MEDIA_TYPE = 'application/problem+json'
const RETRY_AFTER_SECONDS = 5

/** Answers every error, unknown routes and unknown methods included, as RFC 9457 problem details. */
const plugin: FastifyPluginAsync = async (app) => {
  const routes: { readonly method: string | string[]; readonly pattern: RegExp }[] = []
  app.addHook('onRoute', ({ method, url }) => {
    routes.push({ method, pattern: patternOf(url) })
  })
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply))
  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request.url)
    const methods = [...new Set(routes.filter(({ pattern }) => pattern.test(path)).flatMap(({ method }) => method))]
    if (methods.length === 0)
      throw problem('ROUTE_NOT_FOUND', `there is no route ${path}; /docs shows those that there are`)
    reply.header('allow', methods.join(', '))
    throw problem('METHOD_NOT_ALLOWED', `${path} has ${methods.join(', ')}, not ${request.method}`)
  })
}
export const problemResponses = fp(plugin, { name: 'problem-responses', dependencies: ['request-ids'] })

export function sendProblem(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = toEspalierError(thrown)
  if (error.status >= 500) request.log.error({ err: thrown }, 'request failed')
  reply.header('x-request-id', request.id)
  reply.removeHeader('content-disposition').removeHeader('etag')
  if (error.code === 'UNAUTHENTICATED') reply.header('www-authenticate', 'Bearer realm="espalier"')
  if (error.code === 'FORBIDDEN')
    reply.header('www-authenticate', 'Bearer realm="espalier", error="insufficient_scope"')
  if (error.status === 503) reply.header('retry-after', RETRY_AFTER_SECONDS)
  // Sent as a string: how a problem looks does not depend on the response schemas of the route.
  return reply
    .code(error.status)
    .type(MEDIA_TYPE)
    .send(JSON.stringify(toProblem(error, pathOf(request.url), request.id)))
}

function toProblem(error: EspalierError, instance: string, requestId: string): Problem {
  return {
    type: problemTypeOf(error.code),
    title: error.title,
    status: error.status,
    detail: error.message,
    instance,
    code: error.code,
    requestId,
    retryable: error.retryable,
    ...(error.errors.length > 0 && { errors: error.errors.map(({ pointer, detail }) => ({ pointer, detail })) }),
  }
}

/** Bytes that are not HTTP never become a request: the answer is written to the socket itself. */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return
  const requestId = makeId('req')
  const broken = problem('REQUEST_INVALID', 'the request is not valid HTTP, or its headers are too large or too slow')
  const body = JSON.stringify(toProblem(broken, '', requestId))
  const head = [
    `HTTP/1.1 ${broken.status} ${STATUS_CODES[broken.status]}`,
    `Content-Type: ${MEDIA_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? url
}

/** `/v1/things/:id` and `/docs/*` as expressions. */
function patternOf(url: string): RegExp {
  const segments = url.split('/').map((segment) => {
    if (segment === '*') return '.*'
    return segment.startsWith(':') ? '[^/]+' : segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  })
  return new RegExp(`^${segments.join('/')}$`)
}
