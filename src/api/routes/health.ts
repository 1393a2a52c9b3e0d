import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { problem } from '../../errors.js'
import { checkParts } from '../readiness.js'
import { publicProblems } from '../responses.js'

const tags = ['service']

export const healthRoutes: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/healthz',
    {
      schema: {
        operationId: 'getLiveness',
        summary: 'The process answers',
        tags,
        response: { 200: Type.Object({ status: Type.Literal('ok') }) },
      },
    },
    async () => ({ status: 'ok' as const }),
  )

  app.get(
    '/readyz',
    {
      schema: {
        operationId: 'getReadiness',
        summary: 'Database, queue and store answer',
        tags,
        response: {
          200: Type.Object({ status: Type.Literal('ready'), checks: Type.Record(Type.String(), Type.Literal('ok')) }),
          ...publicProblems(503),
        },
      },
    },
    async () => {
      const checks = await checkParts(app.context)
      const failed = checks.filter(({ ok }) => !ok).map(({ name }) => name)
      if (failed.length > 0) throw problem('UNAVAILABLE', `out of reach: ${failed.join(', ')}`)
      return { status: 'ready' as const, checks: Object.fromEntries(checks.map(({ name }) => [name, 'ok' as const])) }
    },
  )

  app.get('/', { schema: { hide: true } }, async (_, reply) => reply.redirect('/docs', 302))
}
