import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { VERSION } from '../../version.js'
import { finishDocument, transformRoute } from '../open-api-document.js'

const DESCRIPTION = `Trains neural networks with gradient clipping, makes them smaller by pruning, and gives back metrics and files.

Send the API key as \`Authorization: Bearer <key>\`. Errors are \`application/problem+json\` (RFC 9457) with a stable \`code\`. POSTs that create take an
\`Idempotency-Key\`: the same key with the same request gives the stored answer, with \`Idempotency-Replayed: true\`. Lists are pages \`{data, nextCursor, hasMore}\`.
GETs of JSON have a strong \`ETag\`; \`If-None-Match\` answers 304.`

/** The contract, generated from the schemas of the routes, at /openapi.json, and Swagger UI at /docs. */
const plugin: FastifyPluginAsync = async (app) => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Espalier', version: VERSION, description: DESCRIPTION, license: { name: 'Apache-2.0' } },
      tags: [
        { name: 'datasets', description: 'Data to train on' },
        { name: 'training-jobs', description: 'Training, clipping and pruning' },
        { name: 'service', description: 'Health and contract' },
      ],
      components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer', description: 'API key' } } },
    },
    transform: transformRoute,
    transformObject: finishDocument,
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    // The service speaks http, perhaps behind a proxy: a browser must not be told to ask for its own scripts by https.
    transformStaticCSP: (header) => header.replace(/\s*upgrade-insecure-requests;?/, ''),
    uiConfig: { persistAuthorization: true },
  })
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
}
export const openApi = fp(plugin, { name: 'open-api' })
