import { createHash } from 'node:crypto'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { matchesAnyTag } from '../entity-tags.js'

/** A strong ETag on every JSON answer to GET, and 304 when the client has it already. */
const plugin: FastifyPluginAsync = async (app) => {
  app.addHook('onSend', async (request, reply, payload) => {
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    if (!isRead || reply.statusCode !== 200 || typeof payload !== 'string') return payload
    if (request.routeOptions.config.scope === undefined) return payload
    const tag = `"${createHash('sha256').update(payload).digest('base64url').slice(0, 27)}"`
    reply.header('etag', tag)
    reply.header('cache-control', 'private, no-cache')
    if (!matchesAnyTag(request.headers['if-none-match'], tag)) return payload
    reply.code(304).removeHeader('content-type').removeHeader('content-length')
    return null
  })
}
export const conditionalRequests = fp(plugin, { name: 'conditional-requests' })
