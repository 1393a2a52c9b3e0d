import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

/**
 * Closes connections that have not brought a request yet, as browsers and HTTP clients open in advance. Node takes them for
 * busy, so that a service that closes would wait for them for a minute.
 */
const plugin: FastifyPluginAsync = async (app) => {
  const unused = new Set<Socket>()
  app.server.on('connection', (socket: Socket) => {
    unused.add(socket)
    socket.once('close', () => unused.delete(socket))
  })
  app.server.on('request', ({ socket }: IncomingMessage) => unused.delete(socket))
  app.addHook('preClose', async () => {
    for (const socket of unused) socket.destroy()
  })
}
export const promptClosing = fp(plugin, { name: 'prompt-closing' })
