import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { IdempotencyKey } from '../db/idempotency.js'
import { problem } from '../errors.js'

export const IdempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      maxLength: 257,
      description: 'Same key and same request: the stored answer, nothing is created again',
    }),
  ),
})

/**
 * The request's `Idempotency-Key`, bare or as a quoted string, with the fingerprint of the request. `content` stands for the body: of an upload, what was read from it.
 * @throws REQUEST_INVALID for a key that is empty, longer than 255 characters or not printable ASCII
 */
export function idempotencyOf(request: FastifyRequest, content: unknown): IdempotencyKey | undefined {
  const header = request.headers['idempotency-key']
  if (header === undefined) return undefined
  const key = String(header).replace(/^"(.*)"$/, '$1')
  if (!/^[\x20-\x7e]{1,255}$/.test(key))
    throw problem('REQUEST_INVALID', 'Idempotency-Key must be 1 to 255 printable ASCII characters')
  const route = `${request.method} ${request.routeOptions.url}`
  return {
    key,
    fingerprint: createHash('sha256')
      .update(`${route}\n${canonicalJson(content)}`)
      .digest('hex'),
  }
}

export function markReplayed(reply: FastifyReply, replayed: boolean): void {
  if (replayed) reply.header('idempotency-replayed', 'true')
}

/** Members in order of their names: the same request written in another order is the same request. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  )
}
