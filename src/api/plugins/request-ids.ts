import type { IncomingMessage } from 'node:http'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { makeId } from '../../contracts/ids.js'

const ACCEPTED = /^[A-Za-z0-9._-]{1,128}$/

/** The client's `X-Request-Id` when it is harmless in logs and headers, else a new one. */
export function requestIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && ACCEPTED.test(given) ? given : makeId('req')
}

/** Every answer names its request, and browsers are told to take its type as it is. */
const plugin: FastifyPluginAsync = async (app) => {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
    reply.header('x-content-type-options', 'nosniff')
    reply.header('referrer-policy', 'no-referrer')
  })
}
export const requestIds = fp(plugin, { name: 'request-ids' })
