import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { problem } from '../../errors.js'

/** JSON as Fastify reads it, but that a body which is none is told where it goes wrong. */
const plugin: FastifyPluginAsync = async (app) => {
  const read = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) =>
    read(request, body, (error, value) =>
      error !== null && body.length > 0 ? done(problem('JSON_MALFORMED', faultOf(body))) : done(error, value),
    ),
  )
}
export const jsonBodies = fp(plugin, { name: 'json-bodies' })

function faultOf(text: string): string {
  try {
    JSON.parse(text)
    return 'the body has a key `__proto__`, or `prototype` inside `constructor`, which no field may be called'
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return `the body is not valid JSON: ${message.replace(/ at position (\d+).*$/s, (_, at) => placeOf(text, Number(at)))}`
  }
}

/** Lines and columns count from 1, as in editors. */
function placeOf(text: string, position: number): string {
  const lines = text.slice(0, position).split('\n')
  return ` at line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`
}
