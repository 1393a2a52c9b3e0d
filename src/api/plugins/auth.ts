import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { problem } from '../../errors.js'

const BEARER = /^Bearer +([A-Za-z0-9._~+/-]{1,512}=*) *$/i

/** Every route below /v1 names the scope it needs; the API key gives the project that the request sees. */
const plugin: FastifyPluginAsync = async (app) => {
  const { apiKeys } = app.context
  app.decorateRequest('projectId', '')
  app.addHook('onRoute', ({ url, config }) => {
    if (url.startsWith('/v1/') && config?.scope === undefined) throw new Error(`route ${url} names no scope`)
  })
  app.addHook('onRequest', async (request) => {
    const { scope } = request.routeOptions.config
    if (scope === undefined) return
    const [, key] = BEARER.exec(request.headers.authorization ?? '') ?? []
    const principal = key === undefined ? null : await apiKeys.authenticate(key)
    if (principal === null)
      throw problem('UNAUTHENTICATED', 'send an API key that is valid here: `Authorization: Bearer <key>`')
    if (!principal.scopes.includes(scope)) throw problem('FORBIDDEN', `this needs a key with the scope ${scope}`)
    request.projectId = principal.projectId
  })
}
export const auth = fp(plugin, { name: 'auth', dependencies: ['request-ids', 'problem-responses'] })
